"""Types of settings' fields that say which values are valid."""

from typing import Annotated

from pydantic import Field

_LARGEST = 2**53
"""Larger whole numbers are not exact where a number is held as a float."""
_LARGEST_FLOAT = 1e100
"""Products of larger ones are soon infinite."""

Positive = Annotated[int, Field(gt=0, le=_LARGEST)]
NonNegative = Annotated[int, Field(ge=0, le=_LARGEST)]
Width = Annotated[int, Field(gt=0, le=65_536)]
"""Of a layer or a latent: the weights of wider ones fit in no machine."""
Kernel = Annotated[int, Field(gt=0, le=1_023)]
"""Of a convolution, in steps."""
Layers = Annotated[int, Field(gt=0, le=64)]
PositiveFloat = Annotated[float, Field(gt=0, le=_LARGEST_FLOAT, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, le=_LARGEST_FLOAT, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # what torch takes
Probability = Annotated[float, Field(ge=0, lt=1)]
