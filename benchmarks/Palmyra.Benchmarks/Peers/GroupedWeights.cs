namespace Palmyra.Benchmarks.Peers;

/// <summary>Random weights as integers of 8 or 4 bits, 32 to a scale, that mean the same numbers to Palmyra (Q8, Q4) and to ONNX Runtime.</summary>
/// <remarks>
/// Each group holds the integer of largest magnitude (127, or −8) and its scale is a 16-bit float, so quantising the floats they stand for
/// gives these very integers back: both engines compute on the same weights.
/// </remarks>
internal sealed class GroupedWeights
{
    /// <summary>Numbers that share a scale.</summary>
    public const int GroupSize = 32;

    private readonly sbyte[] _integers;

    /// <summary>Draws the weights.</summary>
    /// <param name="shape">The matrix; its inputs are a multiple of 32.</param>
    /// <param name="bits">8 or 4.</param>
    public GroupedWeights(NamedShape shape, int bits)
    {
        Shape = shape;
        Bits = bits;
        int largest = bits == 8 ? 127 : -8;
        int above = bits == 8 ? 127 : 7;
        var random = new Random(1);
        _integers = new sbyte[shape.Count];
        Scales = new float[shape.Count / GroupSize];
        for (int group = 0; group < Scales.Length; group++)
        {
            // Weights within ±0.02 to ±0.04, as trained matrices are; normal numbers in 16 bits.
            Scales[group] = (float)(Half)((0.02f + (0.02f * random.NextSingle())) / Math.Abs(largest));
            Span<sbyte> integers = _integers.AsSpan(group * GroupSize, GroupSize);
            for (int i = 0; i < GroupSize; i++)
            {
                integers[i] = (sbyte)random.Next(-above, above + 1);
            }

            integers[random.Next(GroupSize)] = (sbyte)largest;
        }
    }

    /// <summary>The matrix.</summary>
    public NamedShape Shape { get; }

    /// <summary>Bits of an integer.</summary>
    public int Bits { get; }

    /// <summary>[outputs, groups].</summary>
    public float[] Scales { get; }

    /// <summary>The numbers the integers stand for, [outputs, inputs].</summary>
    public float[] Floats()
    {
        var floats = new float[_integers.Length];
        for (int i = 0; i < floats.Length; i++)
        {
            floats[i] = _integers[i] * Scales[i / GroupSize];
        }

        return floats;
    }

    /// <summary>The integers as MatMulNBits stores them: without sign around 128 or 8, two of four bits to a byte, the lower half first.</summary>
    public byte[] Packed()
    {
        var packed = new byte[(long)_integers.Length * Bits / 8];
        for (int i = 0; i < packed.Length; i++)
        {
            packed[i] = Bits == 8
                ? (byte)(_integers[i] + 128)
                : (byte)((_integers[2 * i] + 8) | ((_integers[(2 * i) + 1] + 8) << 4));
        }

        return packed;
    }
}
