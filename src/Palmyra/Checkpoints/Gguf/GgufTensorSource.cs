namespace Palmyra.Checkpoints.Gguf;

/// <summary>A tensor to be written to a GGUF file.</summary>
/// <param name="Name">Its name, at most 63 bytes of UTF-8.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Its dimensions, outermost first; the last is a multiple of the type's block.</param>
/// <param name="Write">Writes exactly <see cref="Length"/> bytes to the stream it is given.</param>
internal sealed record GgufTensorSource(string Name, GgmlType Type, IReadOnlyList<long> Shape, Action<Stream> Write)
{
    /// <summary>Its bytes.</summary>
    public long Length => Type.Bytes(Shape.Aggregate(1L, (a, b) => checked(a * b)));
}
