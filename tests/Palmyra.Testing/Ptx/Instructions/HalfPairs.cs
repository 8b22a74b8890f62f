using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates arithmetic on packed pairs of 16-bit floats and on single brain floats: computed in single precision, rounded once.</summary>
internal static class HalfPairs
{
    public static Instruction Translate(Decoder d)
    {
        d.Allow("rn", "approx", "ftz", "NaN");
        PtxType type = d.Type;
        bool brain = type.Kind == ValueKind.Brain;
        Func<float, float, float, float> function = d.Opcode switch
        {
            "add" => (a, b, _) => a + b,
            "sub" => (a, b, _) => a - b,
            "mul" => (a, b, _) => a * b,
            "fma" => MathF.FusedMultiplyAdd,
            "min" => d.Has("NaN") ? (a, b, _) => MathF.Min(a, b) : (a, b, _) => MinimumNumber<float>.Of(a, b),
            "max" => d.Has("NaN") ? (a, b, _) => MathF.Max(a, b) : (a, b, _) => MaximumNumber<float>.Of(a, b),
            "neg" => (a, _, _) => -a,
            "abs" => (a, _, _) => MathF.Abs(a),
            "ex2" => (a, _, _) => Exponential2<float>.Of(a),
            "tanh" => (a, _, _) => HyperbolicTangent<float>.Of(a),
            _ => throw d.Failure($"{d.Opcode} of 16-bit floats is not known here"),
        };
        int sources = d.Opcode switch
        {
            "fma" => 3,
            "neg" or "abs" or "ex2" or "tanh" => 1,
            _ => 2,
        };
        d.Expect(sources + 1, sources + 1);
        return new Bitwise(
            (d.Target(0, type.Bytes), type.Bytes),
            [.. Enumerable.Range(1, sources).Select(i => (d.Source(i, type), type.Bytes))],
            (a, b, c, _) =>
            {
                ulong result = 0;
                for (int i = 0; i < 8 * type.Bytes; i += 16)
                {
                    float value = function(ToFloat((ushort)(a >> i), brain), ToFloat((ushort)(b >> i), brain), ToFloat((ushort)(c >> i), brain));
                    result |= (ulong)FromFloat(value, brain) << i;
                }

                return result;
            });
    }

    /// <summary>The number that 16 bits stand for.</summary>
    public static float ToFloat(ushort bits, bool brain) =>
        brain ? BitConverter.UInt32BitsToSingle((uint)bits << 16) : (float)BitConverter.UInt16BitsToHalf(bits);

    /// <summary>The nearest 16-bit float, ties to even.</summary>
    public static ushort FromFloat(float value, bool brain)
    {
        if (!brain)
        {
            return BitConverter.HalfToUInt16Bits((Half)value);
        }

        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)0x7FFF : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }
}
