namespace Palmyra.Checkpoints;

/// <summary>A tensor of a PyTorch file: every element is known to lie inside its storage.</summary>
/// <param name="Storage">The storage it views.</param>
/// <param name="Offset">The element of the storage that is its first.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Strides">Elements between neighbours along each dimension.</param>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, long[] Shape, long[] Strides);
