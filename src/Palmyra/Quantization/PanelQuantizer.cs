using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Palmyra.Backends;
using Palmyra.Diagnostics;

namespace Palmyra.Quantization;

/// <summary>Turns a panel of sixteen rows of floats into Q8 or Q4: ggml's arithmetic, sixteen rows at a time.</summary>
/// <remarks>
/// ggml's <c>quantize_row_q8_0_ref</c>: scale d = max|x|/127, q = x·(1/d) rounded half away from zero. Its <c>quantize_row_q4_0_ref</c>:
/// d = m/−8 with m the first number of largest magnitude, q + 8 = min(15, ⌊x·(1/d) + 8.5⌋). Both divide in float32, store d rounded to
/// float16, and use 1/d = 0 for d = 0. A lane is a row, so every operation is the scalar one; the vector type only says sixteen at once.
/// </remarks>
internal static class PanelQuantizer
{
    private const int Rows = PanelLayout.PanelRows;
    private const int GroupSize = PanelLayout.GroupSize;

    /// <summary>Quantises a panel.</summary>
    /// <param name="format">Q8 or Q4.</param>
    /// <param name="values">[cols][16], as <c>WeightView.CopyPanel</c> gives them; rows that do not exist are zeros.</param>
    /// <param name="cols">Columns.</param>
    /// <param name="panel">Receives the panel, all of it.</param>
    /// <param name="name">The weight's name, for messages.</param>
    /// <param name="firstRow">The matrix's row that is the panel's first, for messages.</param>
    /// <exception cref="BackendException">A number is NaN or infinite, or too large for the scale.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Quantize(MatrixFormat format, ReadOnlySpan<float> values, int cols, Span<byte> panel, string name, int firstRow)
    {
        int groups = PanelLayout.Groups(cols);
        int groupBytes = PanelLayout.GroupBytes(format);
        Span<float> last = stackalloc float[GroupSize * Rows];
        for (int group = 0; group < groups; group++)
        {
            int first = group * GroupSize;
            int count = Math.Min(GroupSize, cols - first);
            scoped ReadOnlySpan<float> numbers = values.Slice(first * Rows, count * Rows);
            if (count < GroupSize)
            {
                last.Clear();
                numbers.CopyTo(last);
                numbers = last;
            }

            Span<byte> integers = panel.Slice(group * groupBytes, groupBytes);
            Vector512<float> scale = format == MatrixFormat.Q8 ? Q8(numbers, integers) : Q4(numbers, integers);
            Span<ushort> scales = MemoryMarshal.Cast<byte, ushort>(integers[^PanelLayout.ScaleBytes..]);
            for (int row = 0; row < Rows; row++)
            {
                if (!(MathF.Abs(scale[row]) < RaisedHalf.Limit))
                {
                    throw Refusal(format, numbers, row, name, firstRow, first);
                }

                scales[row] = RaisedHalf.Encode(BitConverter.HalfToUInt16Bits((Half)scale[row]));
            }
        }

        panel[(groups * groupBytes)..].Clear();
    }

    /// <summary>Sixteen Q8 groups; returns their scales, not finite where a number is not.</summary>
    private static Vector512<float> Q8(ReadOnlySpan<float> numbers, Span<byte> integers)
    {
        Vector512<float> largest = default;
        for (int k = 0; k < GroupSize; k++)
        {
            // Vector512.Max passes NaN on.
            largest = Vector512.Max(largest, Vector512.Abs(Vector512.Create(numbers.Slice(k * Rows, Rows))));
        }

        Vector512<float> scale = largest / Vector512.Create(127f);
        Vector512<float> inverse = Inverse(scale);
        for (int pair = 0; pair < GroupSize / 2; pair++)
        {
            Vector512<int> even = Round(Vector512.Create(numbers.Slice(2 * pair * Rows, Rows)) * inverse);
            Vector512<int> odd = Round(Vector512.Create(numbers.Slice(((2 * pair) + 1) * Rows, Rows)) * inverse);
            Vector512<uint> words = (even & Vector512.Create(255)).AsUInt32() | ((odd & Vector512.Create(255)) << 8).AsUInt32();
            Vector256.Narrow(words.GetLower(), words.GetUpper()).AsByte().CopyTo(integers.Slice(pair * 2 * Rows, 2 * Rows));
        }

        return scale;
    }

    /// <summary>Sixteen Q4 groups; returns their scales, not finite where a number is not.</summary>
    private static Vector512<float> Q4(ReadOnlySpan<float> numbers, Span<byte> integers)
    {
        Vector512<float> largest = default;
        Vector512<float> magnitude = default;
        Vector512<float> poison = default;
        for (int k = 0; k < GroupSize; k++)
        {
            Vector512<float> number = Vector512.Create(numbers.Slice(k * Rows, Rows));
            Vector512<float> size = Vector512.Abs(number);
            Vector512<float> larger = Vector512.GreaterThan(size, magnitude);
            largest = Vector512.ConditionalSelect(larger, number, largest);
            magnitude = Vector512.ConditionalSelect(larger, size, magnitude);

            // 0 unless the number is NaN or infinite, and then NaN: a comparison alone would pass over NaN.
            poison += number - number;
        }

        Vector512<float> scale = largest / Vector512.Create(-8f);
        Vector512<float> inverse = Inverse(scale);
        for (int quad = 0; quad < GroupSize / 8; quad++)
        {
            Vector512<int> words = default;
            for (int k = 0; k < 8; k++)
            {
                Vector512<float> number = Vector512.Create(numbers.Slice(((8 * quad) + k) * Rows, Rows));
                Vector512<int> q = Vector512.Min(Vector512.ConvertToInt32((number * inverse) + Vector512.Create(8.5f)), Vector512.Create(15));
                words |= q << ((8 * (k % 4)) + (4 * (k / 4)));
            }

            words.AsByte().CopyTo(integers.Slice(quad * 4 * Rows, 4 * Rows));
        }

        // Chosen, not added: a scale of −0, as ggml stores it for a group of zeros, stays −0.
        return Vector512.ConditionalSelect(Vector512.Equals(poison, Vector512<float>.Zero), scale, poison);
    }

    /// <summary>1/scale; 0 where the scale is 0 or so small that the quotient overflows: it is stored as 0 then, and so is every number.</summary>
    private static Vector512<float> Inverse(Vector512<float> scale)
    {
        Vector512<float> inverse = Vector512<float>.One / scale;
        return Vector512.ConditionalSelect(
            Vector512.LessThanOrEqual(Vector512.Abs(inverse), Vector512.Create(float.MaxValue)), inverse, Vector512<float>.Zero);
    }

    /// <summary>C's roundf: half away from zero. Adding a half and cutting would be wrong just below a half.</summary>
    private static Vector512<int> Round(Vector512<float> value)
    {
        Vector512<float> whole = Vector512.Truncate(value);
        Vector512<float> rest = Vector512.Abs(value - whole);
        Vector512<float> step = Vector512.ConditionalSelect(
            Vector512.GreaterThanOrEqual(rest, Vector512.Create(0.5f)), Vector512.CopySign(Vector512<float>.One, value), Vector512<float>.Zero);
        return Vector512.ConvertToInt32(whole + step);
    }

    private static BackendException Refusal(MatrixFormat format, ReadOnlySpan<float> numbers, int row, string name, int firstRow, int firstCol)
    {
        int worst = 0;
        for (int k = 0; k < GroupSize; k++)
        {
            float number = numbers[(k * Rows) + row];
            worst = !float.IsFinite(number) || MathF.Abs(number) > MathF.Abs(numbers[(worst * Rows) + row]) ? k : worst;
            if (!float.IsFinite(number))
            {
                break;
            }
        }

        float found = numbers[(worst * Rows) + row];
        string where = $"Weight '{name}' holds {found} at row {firstRow + row}, column {firstCol + worst}";
        float limit = MathF.Floor((format == MatrixFormat.Q8 ? 127 : 8) * PanelLayout.ScaleLimit);
        return new BackendException(float.IsFinite(found)
            ? $"{where}, beyond what {format} can scale (±{limit:N0}); keep the model in f32 or bf16."
            : $"{where}; only finite numbers can be stored as {format}. Keep the model in f32, f16 or bf16, or mend the checkpoint.");
    }
}
