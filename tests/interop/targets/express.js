// An Express program: `express.js PORT ROOT`. Some resources are routes, the rest are files.
const express = require("express");
const [port, root] = process.argv.slice(2);
const app = express();
app.use((request, response, next) => {
    response.set("x-seen", request.get("x-route") || "");
    next();
});
for (const path of ["/paid", "/gold", "/dir/secret"]) {
    app.get(path, (request, response) => response.send(`R:${path}:END`));
}
app.get("/user/:id", (request, response) => response.send(`R:/user/${request.params.id}:END`));
app.use(express.static(root));
app.listen(Number(port), "127.0.0.1");
