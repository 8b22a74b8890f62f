namespace Palmyra.Checkpoints.Gguf;

/// <summary>Where a metadata value lies in the file.</summary>
/// <param name="Type">Its type; of an array, that of its elements.</param>
/// <param name="IsArray">Whether it is an array.</param>
/// <param name="Count">Elements of an array, all of which the file holds; 1 for a single value.</param>
/// <param name="Offset">The byte where the value begins, or an array's first element.</param>
internal readonly record struct GgufEntry(GgufValueType Type, bool IsArray, long Count, long Offset);
