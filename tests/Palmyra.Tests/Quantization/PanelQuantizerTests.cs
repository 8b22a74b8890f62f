using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Quantization;
using Palmyra.Testing;

namespace Palmyra.Tests.Quantization;

/// <summary>Panels against ggml's two block formats, transcribed here number by number.</summary>
public class PanelQuantizerTests
{
    public static TheoryData<MatrixFormat, int, float> Shapes
    {
        get
        {
            var data = new TheoryData<MatrixFormat, int, float>();
            foreach (MatrixFormat format in new[] { MatrixFormat.Q8, MatrixFormat.Q4 })
            {
                foreach (int cols in new[] { 32, 31, 1, 96, 100 })
                {
                    foreach (float scale in new[] { 1f, 1e-3f, 1e-6f, 3e-39f, 1e-44f, 900f })
                    {
                        data.Add(format, cols, scale);
                    }
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_row_is_ggmls_to_the_bit(MatrixFormat format, int cols, float scale)
    {
        float[] values = Numbers.Spread(cols, cols * PanelLayout.PanelRows, scale);
        values.AsSpan(0, PanelLayout.PanelRows * Math.Min(cols, 3)).Clear();
        byte[] panel = Quantize(format, values, cols);
        int groups = PanelLayout.Groups(cols);
        Span<sbyte> quants = stackalloc sbyte[32];
        for (int row = 0; row < PanelLayout.PanelRows; row++)
        {
            for (int group = 0; group < groups; group++)
            {
                var numbers = new float[32];
                for (int k = 0; k < 32 && (group * 32) + k < cols; k++)
                {
                    numbers[k] = values[(((group * 32) + k) * PanelLayout.PanelRows) + row];
                }

                (Half expectedScale, int[] expected) = format == MatrixFormat.Q8 ? GgmlQ8(numbers) : GgmlQ4(numbers);
                Half found = PanelLayout.ReadGroup(format, panel, row, group, quants);
                Assert.Equal(BitConverter.HalfToUInt16Bits(expectedScale), BitConverter.HalfToUInt16Bits(found));
                for (int k = 0; k < 32; k++)
                {
                    Assert.Equal(expected[k], quants[k]);
                }
            }
        }
    }

    [Theory]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void Halves_are_rounded_away_from_zero_and_just_below_a_half_down(MatrixFormat format)
    {
        // Scale 1: Q8 has 127 as its largest, Q4 −8. 0.49999997 + 0.5 rounds to 1 in float32, so adding a half and cutting would be wrong.
        var values = new float[32 * PanelLayout.PanelRows];
        float[] numbers = [0.5f, -0.5f, 1.5f, -1.5f, 2.5f, 0.49999997f, -0.49999997f, 6.5f];
        for (int row = 0; row < PanelLayout.PanelRows; row++)
        {
            values[row] = format == MatrixFormat.Q8 ? 127 : -8;
            for (int i = 0; i < numbers.Length; i++)
            {
                values[((i + 1) * PanelLayout.PanelRows) + row] = numbers[i];
            }
        }

        byte[] panel = Quantize(format, values, 32);
        var row5 = new float[32];
        PanelLayout.CopyRow(format, panel, 5, row5);
        float[] expected = format == MatrixFormat.Q8 ? [127, 1, -1, 2, -2, 3, 0, 0, 7] : [-8, 1, 0, 2, -1, 3, 1, 0, 7];
        Assert.Equal(expected, row5[..9]);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void What_was_quantised_once_is_quantised_to_itself(MatrixFormat format, int cols, float scale)
    {
        byte[] panel = Quantize(format, Numbers.Spread(7, cols * PanelLayout.PanelRows, scale), cols);
        var again = new float[cols * PanelLayout.PanelRows];
        var row = new float[cols];
        for (int r = 0; r < PanelLayout.PanelRows; r++)
        {
            PanelLayout.CopyRow(format, panel, r, row);
            for (int k = 0; k < cols; k++)
            {
                again[(k * PanelLayout.PanelRows) + r] = row[k];
            }
        }

        byte[] second = Quantize(format, again, cols);
        var secondRow = new float[cols];
        for (int r = 0; r < PanelLayout.PanelRows; r++)
        {
            PanelLayout.CopyRow(format, panel, r, row);
            PanelLayout.CopyRow(format, second, r, secondRow);
            Assert.Equal(row, secondRow);
        }
    }

    [Theory]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void Groups_written_one_by_one_are_read_back(MatrixFormat format)
    {
        const int Groups = 3;
        var panel = new byte[PanelLayout.PanelBytes(format, Groups * 32)];
        var random = new Random(5);
        var written = new Dictionary<(int Row, int Group), (sbyte[] Quants, Half Scale)>();
        for (int row = 0; row < PanelLayout.PanelRows; row++)
        {
            for (int group = 0; group < Groups; group++)
            {
                sbyte[] quants = [.. Enumerable.Range(0, 32).Select(_ => (sbyte)(format == MatrixFormat.Q8 ? random.Next(-128, 128) : random.Next(-8, 8)))];
                written[(row, group)] = (quants, (Half)(random.NextSingle() * MathF.Pow(2, random.Next(-26, 7))));
                PanelLayout.WriteGroup(format, panel, row, group, quants, written[(row, group)].Scale);
            }
        }

        var found = new sbyte[32];
        foreach (((int row, int group), (sbyte[] quants, Half scale)) in written)
        {
            Assert.Equal(scale, PanelLayout.ReadGroup(format, panel, row, group, found));
            Assert.Equal(quants, found);
        }
    }

    [Theory]
    [InlineData(MatrixFormat.Q8, float.NaN, "NaN")]
    [InlineData(MatrixFormat.Q4, float.NaN, "NaN")]
    [InlineData(MatrixFormat.Q8, float.PositiveInfinity, "Infinity")]
    [InlineData(MatrixFormat.Q4, float.NegativeInfinity, "-Infinity")]
    [InlineData(MatrixFormat.Q8, 16253f, "16253")]
    [InlineData(MatrixFormat.Q4, -1024f, "-1024")]
    public void A_number_that_cannot_be_stored_is_named(MatrixFormat format, float number, string text)
    {
        var values = new float[50 * PanelLayout.PanelRows];
        values[(40 * PanelLayout.PanelRows) + 3] = number;
        var panel = new byte[PanelLayout.PanelBytes(format, 50)];
        var error = Assert.Throws<BackendException>(() => PanelQuantizer.Quantize(format, values, 50, panel, "h.0.mlp.c_fc.weight", 16));
        Assert.Contains($"'h.0.mlp.c_fc.weight' holds {text} at row 19, column 40", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(MatrixFormat.Q8, 16252f)]
    [InlineData(MatrixFormat.Q4, -1023f)]
    public void The_largest_that_can_is_stored_to_its_format(MatrixFormat format, float number)
    {
        var values = new float[32 * PanelLayout.PanelRows];
        values[5] = number;
        var row = new float[32];
        PanelLayout.CopyRow(format, Quantize(format, values, 32), 5, row);
        Assert.InRange(row[0] / number, 0.999f, 1.001f);
    }

    private static byte[] Quantize(MatrixFormat format, float[] values, int cols)
    {
        // Old bytes everywhere: the quantiser must overwrite all of them.
        var panel = new byte[PanelLayout.PanelBytes(format, cols)];
        panel.AsSpan().Fill(0xA5);
        PanelQuantizer.Quantize(format, values, cols, panel, "w", 0);
        return panel;
    }

    // quantize_row_q8_0_ref, except that 1/d = ∞ counts as 0: d is stored as 0 there.
    private static (Half Scale, int[] Quants) GgmlQ8(float[] x)
    {
        float amax = 0;
        foreach (float v in x)
        {
            amax = MathF.Max(amax, MathF.Abs(v));
        }

        float d = amax / 127;
        float id = d != 0 && float.IsFinite(1 / d) ? 1 / d : 0;
        return ((Half)d, [.. x.Select(v => (int)MathF.Round(v * id, MidpointRounding.AwayFromZero))]);
    }

    // quantize_row_q4_0_ref, with the same exception.
    private static (Half Scale, int[] Quants) GgmlQ4(float[] x)
    {
        float amax = 0;
        float max = 0;
        foreach (float v in x)
        {
            if (amax < MathF.Abs(v))
            {
                amax = MathF.Abs(v);
                max = v;
            }
        }

        float d = max / -8;
        float id = d != 0 && float.IsFinite(1 / d) ? 1 / d : 0;
        return ((Half)d, [.. x.Select(v => Math.Min(15, (int)((v * id) + 8.5f)) - 8)]);
    }
}
