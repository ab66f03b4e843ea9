"""Architectures as PyTorch modules: builders, the fast cells that train side by side, and counting."""
