using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Models;

/// <summary>Matches the tensors a checkpoint holds with the ones its configuration calls for.</summary>
/// <remarks>
/// Names with and without <see cref="WeightMap.Prefix"/> are accepted. Missing and misshapen tensors refuse the checkpoint and are named;
/// unexpected ones are reported by <see cref="Unexpected"/> and ignored, as transformers does.
/// </remarks>
public sealed class CheckpointWeights
{
    private const int NamedAtMost = 5;
    private readonly Dictionary<string, TensorView> _tensors = new(StringComparer.Ordinal);

    /// <summary>Checks a checkpoint's tensors against a configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="tensors">The checkpoint's tensors by name.</param>
    /// <param name="where">The folder, for messages.</param>
    /// <exception cref="CheckpointException">Tensors are missing or have another shape than the configuration says.</exception>
    public CheckpointWeights(ModelConfig config, IReadOnlyDictionary<string, TensorView> tensors, string where)
    {
        var map = new WeightMap(config);
        var missing = new List<string>();
        var misshapen = new List<string>();
        foreach (WeightEntry entry in map.All)
        {
            if (!tensors.TryGetValue(entry.Name, out TensorView? tensor) && !tensors.TryGetValue(BaseName(entry.Name), out tensor))
            {
                missing.Add(entry.Name);
            }
            else if (!tensor.Type.IsFloat() || !tensor.Shape.SequenceEqual(entry.FileShape))
            {
                misshapen.Add($"'{tensor.Name}' is {tensor.Type} {tensor.ShapeText} and should be floating-point [{string.Join(", ", entry.FileShape)}]");
            }
            else
            {
                _tensors.Add(entry.Name, tensor);
            }
        }

        Refuse(missing, where, "lacks tensors that config.json calls for: ");
        Refuse(misshapen, where, "has tensors of other shapes than config.json says: ");
        var used = _tensors.Values.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        Unexpected = [.. tensors.Keys.Where(name => !used.Contains(name) && !map.IsIgnorable(name)).Order(StringComparer.Ordinal)];
        StoredType = _tensors[map.Tokens.Name].Type;
    }

    /// <summary>Tensors that the model has no use for and that are no known buffer, in ordinal order.</summary>
    public IReadOnlyList<string> Unexpected { get; }

    /// <summary>The number type of the token embedding, taken as that of the checkpoint.</summary>
    public ElementType StoredType { get; }

    /// <summary>The view of a tensor, to be passed to <see cref="TransformerLoader.Load"/>.</summary>
    public WeightView View(WeightEntry entry) => WeightView.Of(_tensors[entry.Name], entry.Transposed);

    private static string BaseName(string name) =>
        name.StartsWith(WeightMap.Prefix, StringComparison.Ordinal) ? name[WeightMap.Prefix.Length..] : name;

    private static void Refuse(List<string> faults, string where, string sentence)
    {
        if (faults.Count > 0)
        {
            string more = faults.Count > NamedAtMost ? $" and {faults.Count - NamedAtMost} more" : string.Empty;
            throw new CheckpointException($"{where}: the checkpoint {sentence}{string.Join(", ", faults.Take(NamedAtMost))}{more}.");
        }
    }
}
