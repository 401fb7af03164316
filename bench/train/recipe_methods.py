"""A recipe's ``[methods.NAME]`` tables: what one method needs of its own under a protocol that all share."""

from __future__ import annotations

from typing import Any

from bench.errors import RefusedInput, unknown
from bench.models import available
from bench.toml_text import brief

OF_A_METHOD = (
    *("weights", "model_options", "encoder_lr", "decoder_lr", "weight_decay", "clip_norm", "warmup_steps"),
    "freeze_encoder_bn",
)
"""Keys that may differ between methods; images seen, crops, augmentation and schedule are the recipe's."""


def section_of(model: Any, sections: Any, source: str) -> dict[str, Any]:
    """Return the keys of a method's own section; none without one.

    Args:
        model: Model that is trained.
        sections: The recipe's ``methods``.
        source: File name for messages.

    Raises:
        RefusedInput: Any section is not a table, is of no method, or holds a key that all methods share.
    """
    if not isinstance(sections, dict):
        raise RefusedInput(f"{source}: methods = {brief(sections)}; expected tables [methods.NAME]")
    for name, section in sections.items():
        if ".py" not in name and name not in available():
            raise RefusedInput(
                f"{source}: [methods.{brief(name)}]: {unknown('method', name, [*available()])}"
            )
        if not isinstance(section, dict):
            raise RefusedInput(f"{source}: methods.{name} = {brief(section)}; expected a table")
        for key in section:
            if key not in OF_A_METHOD:
                raise RefusedInput(
                    f"{source}: [methods.{name}] has {brief(key)}; a method's own keys are "
                    f"{', '.join(OF_A_METHOD)}"
                )
    return dict(sections.get(model, {})) if isinstance(model, str) else {}
