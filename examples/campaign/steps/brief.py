"""1. The normalised brief: one name for everything, said in one place."""

from examples.campaign.craft.names import slug
from examples.campaign.craft.wording import capital, sentence, with_article
from examples.campaign.models.brief import Benefit, Brand, Product
from examples.campaign.models.strategy import NormalBrief

__all__ = ["brief"]


def brief(brand: Brand, product: Product) -> NormalBrief:
    """Bring what a client has written into the form that the other steps rely on."""
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
