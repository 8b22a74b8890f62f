namespace Palmyra.Backends.Reference;

/// <summary>The reference backend reads the batch as it is.</summary>
internal sealed class ReferenceBatch(Batch source) : PreparedBatch(source);
