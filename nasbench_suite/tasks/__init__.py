"""What is learned: data as arrays, splits and recipes. Nothing here imports PyTorch."""
