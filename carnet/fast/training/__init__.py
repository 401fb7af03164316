"""CARNet's training on a CPU in fewer passes over memory: the same modules, weights, function and gradients.

What a step costs besides its convolutions is reading and writing maps. Batch-norm with its activation, the
CARModule with its means, and CRP do so no oftener than they must, in C that the machine's compiler makes.
"""

from carnet.fast.training.network import compiler_in_use, use_fast_training

__all__ = ["compiler_in_use", "use_fast_training"]
