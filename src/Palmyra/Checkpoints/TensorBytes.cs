namespace Palmyra.Checkpoints;

/// <summary>Gives a run of a tensor's elements as little-endian bytes, in row-major order.</summary>
/// <param name="element">The first element wanted.</param>
/// <param name="destination">Filled completely; a whole number of elements.</param>
public delegate void TensorBytes(long element, Span<byte> destination);
