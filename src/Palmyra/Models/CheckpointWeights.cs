using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Quantization;

namespace Palmyra.Models;

/// <summary>Matches the tensors a checkpoint holds with the ones its configuration calls for.</summary>
/// <remarks>
/// A matrix may be floats, or packed in Q8 or Q4 as one tensor for all it is stacked of. Names with and without
/// <see cref="WeightMap.Prefix"/> are accepted. Missing and misshapen tensors refuse the checkpoint and are named; unexpected ones are
/// reported by <see cref="Unexpected"/> and ignored, as transformers does.
/// </remarks>
public sealed class CheckpointWeights
{
    private const int NamedAtMost = 5;
    private readonly Dictionary<string, TensorView> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (PackedMatrix Matrix, int FirstRow)> _packed = new(StringComparer.Ordinal);

    /// <summary>Checks a checkpoint's tensors against a configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="tensors">The checkpoint's tensors by name.</param>
    /// <param name="where">The folder, for messages.</param>
    /// <exception cref="CheckpointException">Tensors are missing, are there twice, or have another shape or layout than they should.</exception>
    public CheckpointWeights(ModelConfig config, IReadOnlyDictionary<string, TensorView> tensors, string where)
    {
        var map = new WeightMap(config);
        foreach (MatrixEntries matrix in map.Matrices)
        {
            FindPacked(matrix, tensors);
        }

        var missing = new List<string>();
        var misshapen = new List<string>();
        foreach (WeightEntry entry in map.All.Where(entry => !_packed.ContainsKey(entry.Name)))
        {
            if (Find(tensors, entry.Name) is not TensorView tensor)
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
        TensorView[] found = [.. _tensors.Values.Concat(_packed.Values.Select(part => part.Matrix.Tensor)).Distinct()];
        Bytes = found.Sum(tensor => tensor.Count * tensor.Type.Size());
        StoredTypes = [.. _tensors.Values.Select(tensor => tensor.Type.ToString())
            .Concat(_packed.Values.Select(part => part.Matrix.Format.ToString()))
            .Distinct()
            .Order(StringComparer.Ordinal)];
        var used = found.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        Unexpected = [.. tensors.Keys.Where(name => !used.Contains(name) && !map.IsIgnorable(name)).Order(StringComparer.Ordinal)];
    }

    /// <summary>Tensors that the model has no use for and that are no known buffer, in ordinal order.</summary>
    public IReadOnlyList<string> Unexpected { get; }

    /// <summary>The number types of the tensors the model is read from, each once: F32, F16, ...; Q8 or Q4 for packed matrices.</summary>
    public IReadOnlyList<string> StoredTypes { get; }

    /// <summary>Bytes of the tensors the model is read from.</summary>
    public long Bytes { get; }

    /// <summary>The view of a tensor, to be passed to <see cref="TransformerLoader.Load"/>; of a packed matrix, the tensor's rows of it.</summary>
    public WeightView View(WeightEntry entry) => _packed.TryGetValue(entry.Name, out (PackedMatrix Matrix, int FirstRow) part)
        ? WeightView.OfPacked(part.Matrix, part.FirstRow, entry.Rows)
        : WeightView.Of(_tensors[entry.Name], entry.Transposed);

    /// <summary>The view of a whole matrix.</summary>
    public WeightView View(MatrixEntries matrix) => WeightView.Stack([.. matrix.Parts.Select(View)]);

    /// <summary>The format a matrix is stored in.</summary>
    public MatrixFormat StoredFormat(MatrixEntries matrix) => _packed.TryGetValue(matrix.Parts[0].Name, out (PackedMatrix Matrix, int FirstRow) part)
        ? part.Matrix.Format
        : View(matrix).StoredFormat;

    /// <summary>The format of the matrix that a tensor of the file holds packed; null if it holds none, or none that is used.</summary>
    /// <param name="tensor">Its name in the file.</param>
    public MatrixFormat? PackedFormat(string tensor) => _packed.Values.FirstOrDefault(part => part.Matrix.Name == tensor).Matrix?.Format;

    // A packed tensor stands for all the tensors its matrix is stacked of.
    private void FindPacked(MatrixEntries matrix, IReadOnlyDictionary<string, TensorView> tensors)
    {
        TensorView[] floats = [.. matrix.Parts.Select(part => Find(tensors, part.Name)).OfType<TensorView>()];
        foreach (MatrixFormat format in new[] { MatrixFormat.Q8, MatrixFormat.Q4 })
        {
            string[] names = [.. matrix.Parts.Select(part => part.Name)];
            if (!tensors.TryGetValue(PackedMatrix.NameOf(names, format), out TensorView? tensor)
                && !tensors.TryGetValue(PackedMatrix.NameOf(names.Select(BaseName), format), out tensor))
            {
                continue;
            }

            if (floats.Length > 0 || _packed.ContainsKey(names[0]))
            {
                string other = floats.Length > 0 ? floats[0].Name : _packed[names[0]].Matrix.Name;
                throw new CheckpointException($"{tensor.File}: the checkpoint has both '{tensor.Name}' and '{other}', the same weights twice; remove one.");
            }

            string layout = tensor.Metadata.GetValueOrDefault(PackedMatrix.LayoutKey, string.Empty);
            if (layout != PackedMatrix.Layout)
            {
                throw new CheckpointException(
                    $"{tensor.File}: tensor '{tensor.Name}' is packed in {(layout.Length == 0 ? "no layout that its file names" : $"layout '{layout}'")}; "
                    + $"'{PackedMatrix.Layout}' was expected. Quantise the model again.");
            }

            var packed = new PackedMatrix(tensor, matrix.Rows, matrix.Cols, format);
            int firstRow = 0;
            foreach (WeightEntry part in matrix.Parts)
            {
                _packed.Add(part.Name, (packed, firstRow));
                firstRow += part.Rows;
            }
        }
    }

    private static TensorView? Find(IReadOnlyDictionary<string, TensorView> tensors, string name) =>
        tensors.GetValueOrDefault(name) ?? tensors.GetValueOrDefault(BaseName(name));

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
