using Palmyra.Backends;
using Palmyra.Checkpoints;

namespace Palmyra.Models;

/// <summary>Turns a model on a backend back into the tensors of its family's checkpoints.</summary>
public static class TransformerWriter
{
    /// <summary>Every tensor under its Hugging Face name and in its file orientation; a tied head is left out, as safetensors asks.</summary>
    /// <remarks>One matrix at a time is read back, when the writer comes to it.</remarks>
    /// <param name="model">The model.</param>
    /// <param name="type">The type to store: F32, F16 or BF16, rounded to nearest even.</param>
    public static IReadOnlyList<TensorSource> Tensors(Transformer model, ElementType type)
    {
        var map = new WeightMap(model.Config);
        TransformerWeights weights = model.Weights;
        var reader = new WeightReader(model.Backend);
        var tensors = new List<TensorSource>();

        AddMatrix(map.Tokens, weights.Tokens);
        AddMatrix(map.Positions, weights.Positions);
        for (int layer = 0; layer < map.Blocks.Count; layer++)
        {
            (BlockEntries entries, Block block) = (map.Blocks[layer], weights.Blocks[layer]);
            AddVector(entries.Norm1Gain, block.Norm1Gain);
            AddVector(entries.Norm1Bias, block.Norm1Bias);
            int firstRow = 0;
            foreach (WeightEntry part in entries.Qkv)
            {
                tensors.Add(reader.Source(part, block.Qkv, firstRow, type));
                firstRow += part.Rows;
            }

            AddVector(entries.QkvBias, block.QkvBias);
            AddMatrix(entries.Out, block.Out);
            AddVector(entries.OutBias, block.OutBias);
            AddVector(entries.Norm2Gain, block.Norm2Gain);
            AddVector(entries.Norm2Bias, block.Norm2Bias);
            AddMatrix(entries.Up, block.Up);
            AddVector(entries.UpBias, block.UpBias);
            AddMatrix(entries.Down, block.Down);
            AddVector(entries.DownBias, block.DownBias);
        }

        AddVector(map.NormGain, weights.NormGain);
        AddVector(map.NormBias, weights.NormBias);
        AddMatrix(map.Head, weights.Head);
        AddVector(map.HeadBias, weights.HeadBias);
        return tensors;

        void AddMatrix(WeightEntry? entry, Matrix? matrix)
        {
            if (entry is not null)
            {
                tensors.Add(reader.Source(entry, matrix!, firstRow: 0, type));
            }
        }

        void AddVector(WeightEntry? entry, Tensor? vector)
        {
            if (entry is not null)
            {
                var values = new float[entry.Cols];
                model.Backend.Read(vector!, values);
                tensors.Add(TensorSource.Of(entry.Name, entry.FileShape, values, type));
            }
        }
    }

    /// <summary>Holds the values of the matrix being written, so that its pieces are cut from one reading.</summary>
    private sealed class WeightReader(IBackend backend)
    {
        private Matrix? _current;
        private float[] _values = [];

        public TensorSource Source(WeightEntry entry, Matrix matrix, int firstRow, ElementType type) =>
            new(entry.Name, type, entry.FileShape, (element, bytes) => Copy(entry, matrix, firstRow, type, element, bytes));

        private void Copy(WeightEntry entry, Matrix matrix, int firstRow, ElementType type, long element, Span<byte> bytes)
        {
            if (!ReferenceEquals(_current, matrix))
            {
                _values = new float[checked(matrix.Rows * matrix.Cols)];
                backend.ReadMatrix(matrix, _values);
                _current = matrix;
            }

            int count = bytes.Length / type.Size();
            if (!entry.Transposed)
            {
                type.FromFloats(_values.AsSpan(checked((int)((long)firstRow * entry.Cols + element)), count), bytes);
                return;
            }

            var piece = new float[count];
            for (int i = 0; i < count; i++)
            {
                (long col, long row) = Math.DivRem(element + i, entry.Rows);
                piece[i] = _values[((firstRow + row) * matrix.Cols) + col];
            }

            type.FromFloats(piece, bytes);
        }
    }
}
