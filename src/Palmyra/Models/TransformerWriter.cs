using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Quantization;

namespace Palmyra.Models;

/// <summary>Turns a model on a backend back into the tensors of its family's checkpoints.</summary>
public static class TransformerWriter
{
    /// <summary>Every tensor under its Hugging Face name and in its file orientation; a tied head is left out, as safetensors asks.</summary>
    /// <remarks>
    /// One matrix at a time is read back, when the writer comes to it. A matrix of Q8 or Q4 is one tensor, packed; gains and biases are F32
    /// beside such. <see cref="PackedMatrix.FileMetadata"/> must go into the file with them.
    /// </remarks>
    /// <param name="model">The model.</param>
    /// <param name="format">How matrices are stored, by <see cref="StorageFormat"/>; as they are in memory if null. Rounds to nearest even.</param>
    public static IReadOnlyList<TensorSource> Tensors(Transformer model, MatrixFormat? format = null)
    {
        var map = new WeightMap(model.Config);
        TransformerWeights weights = model.Weights;
        var reader = new WeightReader(model.Backend);
        var tensors = new List<TensorSource>();
        bool grouped = MatricesOf(weights, map).Any(matrix => (format ?? matrix.Format).IsGrouped());
        ElementType vectorType = grouped ? ElementType.F32 : TypeOf(format ?? weights.Tokens.Format);
        foreach ((MatrixEntries entries, Matrix matrix) in map.Matrices.Zip(MatricesOf(weights, map)))
        {
            MatrixFormat target = StorageFormat.For(entries.Role, format, matrix.Format);
            if (target.IsGrouped())
            {
                tensors.Add(reader.Panels(entries, matrix, target));
                continue;
            }

            int firstRow = 0;
            foreach (WeightEntry part in entries.Parts)
            {
                tensors.Add(reader.Source(part, matrix, firstRow, TypeOf(target)));
                firstRow += part.Rows;
            }
        }

        foreach ((WeightEntry entry, Tensor vector) in map.Vectors.Zip(weights.Vectors))
        {
            var values = new float[entry.Cols];
            model.Backend.Read(vector, values);
            tensors.Add(TensorSource.Of(entry.Name, entry.FileShape, values, vectorType));
        }

        return tensors;
    }

    /// <summary>The type of a file's floats in a model of some format: F32 beside integers.</summary>
    public static ElementType TypeOf(MatrixFormat format) => format switch
    {
        MatrixFormat.F16 => ElementType.F16,
        MatrixFormat.BF16 => ElementType.BF16,
        _ => ElementType.F32,
    };

    // In the order of WeightMap.Matrices.
    private static IEnumerable<Matrix> MatricesOf(TransformerWeights weights, WeightMap map) =>
        new[] { weights.Tokens, weights.Positions }
            .Concat(weights.Blocks.SelectMany(block => new[] { block.Qkv, block.Out, block.Up, block.Down }))
            .Append(map.Head is null ? null : weights.Head)
            .OfType<Matrix>();

    /// <summary>Holds the values of the matrix being written, so that its pieces are cut from one reading.</summary>
    private sealed class WeightReader(IBackend backend)
    {
        private Matrix? _current;
        private float[] _values = [];

        public TensorSource Source(WeightEntry entry, Matrix matrix, int firstRow, ElementType type) =>
            new(entry.Name, type, entry.FileShape, (element, bytes) => Copy(entry, matrix, firstRow, type, element, bytes));

        /// <summary>The matrix in panels: its own where it has them in that format.</summary>
        public TensorSource Panels(MatrixEntries entries, Matrix matrix, MatrixFormat format)
        {
            string[] names = [.. entries.Parts.Select(part => part.Name)];
            var quantised = new PanelStream(entries.Rows, entries.Cols, format, () =>
                WeightView.FromArray(string.Join(" + ", names), entries.Rows, entries.Cols, Values(matrix)));
            return PackedMatrix.Source(names, entries.Rows, entries.Cols, format, (at, bytes) =>
            {
                if (matrix.Format != format || !matrix.TryCopyPanels(at, bytes))
                {
                    quantised.Copy(at, bytes);
                }
            });
        }

        private float[] Values(Matrix matrix)
        {
            if (!ReferenceEquals(_current, matrix))
            {
                _values = new float[checked(matrix.Rows * matrix.Cols)];
                backend.ReadMatrix(matrix, _values);
                _current = matrix;
            }

            return _values;
        }

        private void Copy(WeightEntry entry, Matrix matrix, int firstRow, ElementType type, long element, Span<byte> bytes)
        {
            float[] values = Values(matrix);
            int count = bytes.Length / type.Size();
            if (!entry.Transposed)
            {
                type.FromFloats(values.AsSpan(checked((int)((long)firstRow * entry.Cols + element)), count), bytes);
                return;
            }

            var piece = new float[count];
            for (int i = 0; i < count; i++)
            {
                (long col, long row) = Math.DivRem(element + i, entry.Rows);
                piece[i] = values[((firstRow + row) * matrix.Cols) + col];
            }

            type.FromFloats(piece, bytes);
        }
    }
}
