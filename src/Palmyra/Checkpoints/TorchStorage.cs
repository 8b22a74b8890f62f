namespace Palmyra.Checkpoints;

/// <summary>A flat array of a PyTorch file that tensors view.</summary>
/// <param name="Type">The type of its elements.</param>
/// <param name="Key">Its name in the file.</param>
/// <param name="Count">Its number of elements.</param>
internal sealed record TorchStorage(ElementType Type, string Key, long Count);
