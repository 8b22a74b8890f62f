using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates setp, testp, selp and slct (PTX manual, "Comparison and Selection Instructions").</summary>
internal static class Comparisons
{
    // For integers "lo" and its like are the same comparisons of numbers without sign, which their type already says.
    private static readonly Dictionary<string, Type> Functions = new()
    {
        ["eq"] = typeof(Equal<>),
        ["ne"] = typeof(NotEqual<>),
        ["lt"] = typeof(Less<>),
        ["lo"] = typeof(Less<>),
        ["le"] = typeof(LessOrEqual<>),
        ["ls"] = typeof(LessOrEqual<>),
        ["gt"] = typeof(Greater<>),
        ["hi"] = typeof(Greater<>),
        ["ge"] = typeof(GreaterOrEqual<>),
        ["hs"] = typeof(GreaterOrEqual<>),
        ["equ"] = typeof(EqualOrNan<>),
        ["neu"] = typeof(NotEqualOrNan<>),
        ["ltu"] = typeof(LessOrNan<>),
        ["leu"] = typeof(LessOrEqualOrNan<>),
        ["gtu"] = typeof(GreaterOrNan<>),
        ["geu"] = typeof(GreaterOrEqualOrNan<>),
        ["num"] = typeof(BothNumbers<>),
        ["nan"] = typeof(EitherNan<>),
    };

    public static Instruction Translate(Decoder d)
    {
        switch (d.Opcode)
        {
            case "setp":
                return Compare(d);
            case "testp":
                return Test(d);
            case "selp":
                {
                    d.Allow();
                    PtxType type = d.Type;
                    return Lanewise.Make(
                        typeof(Select<>).MakeGenericType(new PtxType(ValueKind.Bits, type.Bytes).Clr!),
                        d.Target(0, type.Bytes), d.Source(1, type), d.Source(2, type), d.Condition(d.Operand(3)));
                }

            default:
                {
                    PtxType type = d.TypeFromEnd(1);
                    bool isFloat = d.Type.IsFloat;
                    return new Bitwise(
                        (d.Target(0, type.Bytes), type.Bytes),
                        [(d.Source(1, type), type.Bytes), (d.Source(2, type), type.Bytes), (d.Source(3, d.Type), 4)],
                        (a, b, c, _) => (isFloat ? BitConverter.UInt32BitsToSingle((uint)c) >= 0 : (int)c >= 0) ? a : b);
                }
        }
    }

    private static Instruction Compare(Decoder d)
    {
        PtxType type = d.Type;
        if (type.Clr is null || !Functions.TryGetValue(d.Parts[1], out Type? function))
        {
            throw d.Failure("this comparison is not known here");
        }

        d.Allow(d.Parts[1], "and", "or", "xor", "ftz");
        Operand target = d.Operand(0);
        bool two = target.Kind == OperandKind.Pair;
        return Lanewise.Make(
            typeof(Compare<,>).MakeGenericType(type.Clr, function.MakeGenericType(type.Clr)),
            d.Predicate(two ? target.Parts[0] : target),
            two ? d.Predicate(target.Parts[1]) : -1,
            d.Source(1, type),
            d.Source(2, type),
            d.Operands.Count > 3 ? d.Condition(d.Operand(3)) : new Guard(-1, Negated: false),
            d.Operands.Count > 3 ? d.Parts[2] : "and");
    }

    private static Instruction Test(Decoder d)
    {
        PtxType type = d.Type;
        Func<double, bool> test = d.Parts[1] switch
        {
            "finite" => double.IsFinite,
            "infinite" => double.IsInfinity,
            "number" => x => !double.IsNaN(x),
            "notanumber" => double.IsNaN,
            "normal" => type.Bytes == 4 ? x => float.IsNormal((float)x) : double.IsNormal,
            "subnormal" => type.Bytes == 4 ? x => float.IsSubnormal((float)x) : double.IsSubnormal,
            _ => throw d.Failure("this test is not known here"),
        };
        return new FloatTest(d.Predicate(d.Operand(0)), d.Source(1, type), type.Bytes, test);
    }

    private sealed class FloatTest(int target, int a, int bytes, Func<double, bool> test) : Instruction
    {
        public override void Execute(Warp warp, uint lanes)
        {
            warp.Require(a, lanes);
            uint result = 0;
            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                ulong bits = warp.ReadBits(a, bytes, lane);
                double value = bytes == 4 ? BitConverter.UInt32BitsToSingle((uint)bits) : BitConverter.UInt64BitsToDouble(bits);
                result |= test(value) ? 1u << lane : 0;
            }

            warp.WritePredicate(target, lanes, result);
        }
    }
}

/// <summary>A comparison.</summary>
internal interface IComparison<T>
{
    static abstract bool Of(T a, T b);
}

/// <summary>setp: a predicate, and perhaps a second one for the opposite, each combined with a third.</summary>
internal sealed class Compare<T, TComparison>(int target, int opposite, int a, int b, Guard other, string combine) : Instruction
    where T : unmanaged
    where TComparison : struct, IComparison<T>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        ReadOnlySpan<T> left = warp.Read<T>(a, lanes);
        ReadOnlySpan<T> right = warp.Read<T>(b, lanes);
        uint result = 0;
        for (int lane = 0; lane < 32; lane++)
        {
            result |= TComparison.Of(left[lane], right[lane]) ? 1u << lane : 0;
        }

        uint third = other.Of(warp, lanes);
        warp.WritePredicate(target, lanes, Combine(result, third));
        if (opposite >= 0)
        {
            warp.WritePredicate(opposite, lanes, Combine(~result, third));
        }
    }

    private uint Combine(uint result, uint third) => combine switch
    {
        "or" => result | third,
        "xor" => result ^ third,
        _ => result & third,
    };
}

/// <summary>selp: the first number where the predicate holds, else the second.</summary>
internal sealed class Select<T>(int y, int a, int b, Guard condition) : Instruction
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        ReadOnlySpan<T> left = warp.Read<T>(a, lanes);
        ReadOnlySpan<T> right = warp.Read<T>(b, lanes);
        uint chosen = condition.Of(warp, lanes);
        Span<T> result = warp.Write<T>(y, lanes);
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            result[lane] = (chosen >> lane & 1) != 0 ? left[lane] : right[lane];
        }
    }
}
