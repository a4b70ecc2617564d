//! The pages of one configuration, compiled.

use std::sync::Arc;

use http::HeaderMap;
use l402::Problem;
use l402_server::OfferView;

use super::asking::{self, Asking};
use super::document::Page;
use super::language::{Language, Words};
use super::notice::Happening;
use super::reader::Reader;
use super::settings::PageSettings;
use super::template::Template;
use super::variable::{OF_NOTICE, OF_OFFER, Values, escape};
use super::{notice, offer};

/// The pages that are there already.
pub(super) const OFFER: &str = include_str!("file/offer.html");
pub(super) const NOTICE: &str = include_str!("file/refusal.html");

/// The picture of the tab. Without one a browser would ask for `/favicon.ico`, which may have a price.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect \
                    width='32' height='32' rx='8' fill='%230c6b58'/%3E%3Cpath d='M18.6 4.5 8 18h6.4L12.9 27.5 24 \
                    13.6h-6.6z' fill='%23fff'/%3E%3C/svg%3E";

/// The words of a route for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Goods {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
}

/// The pages of one configuration.
#[derive(Debug)]
pub(crate) struct Look {
    offer: Arc<Template>,
    notice: Template,
    title: String,
    logo: String,
    /// In the order of [`Language::ALL`].
    words: [Words; 6],
    /// By the index of their route.
    goods: Vec<Goods>,
}

impl Look {
    /// Compiles the pages; `None` if there are none. `shop` is the name of the shop if the page has no title
    /// of its own.
    pub(crate) fn new(
        settings: &PageSettings,
        shop: Option<&str>,
        goods: impl Iterator<Item = Goods>,
    ) -> Option<Self> {
        let title = settings.title.as_deref().or(shop).unwrap_or_default();
        let own = settings.template.as_ref();
        let offer = own.map(|own| Arc::clone(&own.template));
        let words = |language: Language| match settings.words.get(&language) {
            Some(own) => language.wording().overlaid(own),
            None => language.wording().clone(),
        };
        settings.enabled.then(|| Self {
            offer: offer.unwrap_or_else(|| Arc::new(Template::built_in(OFFER, OF_OFFER))),
            notice: Template::built_in(NOTICE, OF_NOTICE),
            title: title.to_owned(),
            logo: logo(settings, title),
            words: Language::ALL.map(words),
            goods: goods.collect(),
        })
    }

    fn wording(&self, language: Language) -> &Words {
        let place = Language::ALL.iter().position(|it| *it == language);
        &self.words[place.unwrap_or_default()]
    }

    /// Writes the page with an invoice, for a refusal that holds back a pass or does not. `route` is the index
    /// of the route that is sold.
    pub(crate) fn offer(
        &self,
        reader: &Reader,
        refused: (Problem, &OfferView<'_>, bool),
        route: Option<usize>,
    ) -> Page {
        let words = self.wording(reader.language);
        let goods = route.and_then(|route| self.goods.get(route));
        let mut values = self.values(reader.language);
        offer::put(&mut values, (reader, words), refused, goods);
        Page {
            html: self.offer.write(&values, words),
            policy: self.offer.policy().to_owned(),
            language: reader.language,
        }
    }

    /// Writes a page without an invoice.
    pub(crate) fn notice(&self, reader: &Reader, happening: &Happening) -> Page {
        let mut values = self.values(reader.language);
        notice::put(&mut values, self.wording(reader.language), happening);
        self.without_invoice(&values, reader.language)
    }

    /// Writes the page for somebody who has said that he has paid, by the form of a page. `headers` are those of
    /// the request.
    pub(crate) fn asking(&self, headers: &HeaderMap, asking: &Asking<'_>) -> Page {
        let language = Language::of(headers);
        let mut values = self.values(language);
        asking::put(&mut values, self.wording(language), asking);
        self.without_invoice(&values, language)
    }

    fn without_invoice(&self, values: &Values<'_>, language: Language) -> Page {
        Page {
            html: self.notice.write(values, self.wording(language)),
            policy: self.notice.policy().to_owned(),
            language,
        }
    }

    /// Returns the values that all pages have.
    fn values(&self, language: Language) -> Values<'_> {
        let mut values = Values::default();
        values.text("title", &*self.title);
        values.markup("logo", &*self.logo);
        values.text("icon", ICON);
        values.text("language", language.tag());
        values
    }
}

/// Returns the element of the logo, if there is one.
fn logo(settings: &PageSettings, title: &str) -> String {
    let Some(logo) = &settings.logo else {
        return String::new();
    };
    let mut name = String::new();
    escape(&mut name, title);
    format!("<img src=\"{}\" alt=\"{name}\">", logo.address)
}
