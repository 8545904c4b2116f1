"""1. The normalised brief: cleaned texts, and the names that all other steps use."""

from examples.campaign.craft.names import slug
from examples.campaign.craft.wording import capital, sentence, with_article
from examples.campaign.models.brief import Benefit, Brand, Product
from examples.campaign.models.strategy import NormalBrief

__all__ = ["brief"]


def brief(brand: Brand, product: Product) -> NormalBrief:
    """Normalise the texts of the client for the other steps."""
    return NormalBrief(
        campaign=slug(product.name),
        brand=brand.name,
        site=str(brand.site),
        product=product.name,
        kind=product.kind,
        kind_with_article=with_article(product.kind),
        benefits=tuple(
            Benefit(
                title=capital(benefit.title).rstrip(".!"),
                detail=sentence(benefit.detail),
                proof=sentence(benefit.proof),
            )
            for benefit in product.benefits
        ),
        offer=sentence(product.offer),
        action=capital(product.action).rstrip(".!"),
    )
