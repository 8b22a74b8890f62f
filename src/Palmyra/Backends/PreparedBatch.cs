namespace Palmyra.Backends;

/// <summary>A batch as a backend wants it for one step: ids, positions and page lists where its operations can read them.</summary>
/// <remarks>Made by <see cref="IBackend.Prepare"/> and valid until the batch changes or is prepared again.</remarks>
public abstract class PreparedBatch
{
    /// <summary>Wraps a batch.</summary>
    protected PreparedBatch(Batch source) => Source = source;

    /// <summary>The batch that was prepared.</summary>
    public Batch Source { get; }
}
