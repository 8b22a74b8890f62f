namespace Palmyra.Checkpoints;

/// <summary>A dict or OrderedDict of a pickle: its pairs as they were set. Keys are not hashed, since a file chooses them.</summary>
internal sealed class PickleDictionary
{
    /// <summary>Key and value in the order the file set them.</summary>
    public List<KeyValuePair<object?, object?>> Pairs { get; } = [];
}
