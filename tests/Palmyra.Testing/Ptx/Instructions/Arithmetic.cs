using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates what computes numbers from numbers of one type.</summary>
internal static class Arithmetic
{
    private static readonly Dictionary<string, Type> IntegerBinary = new()
    {
        ["add"] = typeof(Add<>),
        ["sub"] = typeof(Subtract<>),
        ["div"] = typeof(Divide<>),
        ["rem"] = typeof(Remainder<>),
        ["min"] = typeof(Minimum<>),
        ["max"] = typeof(Maximum<>),
        ["and"] = typeof(And<>),
        ["or"] = typeof(Or<>),
        ["xor"] = typeof(Xor<>),
    };

    private static readonly Dictionary<string, Type> IntegerUnary = new()
    {
        ["not"] = typeof(Not<>),
        ["cnot"] = typeof(LogicalNot<>),
        ["neg"] = typeof(Negate<>),
        ["abs"] = typeof(Absolute<>),
    };

    private static readonly Dictionary<string, Type> FloatBinary = new()
    {
        ["add"] = typeof(Add<>),
        ["sub"] = typeof(Subtract<>),
        ["mul"] = typeof(Multiply<>),
        ["div"] = typeof(DivideFloat<>),
        ["min"] = typeof(MinimumNumber<>),
        ["max"] = typeof(MaximumNumber<>),
        ["copysign"] = typeof(CopySign<>),
    };

    private static readonly Dictionary<string, Type> FloatUnary = new()
    {
        ["neg"] = typeof(NegateFloat<>),
        ["abs"] = typeof(AbsoluteFloat<>),
        ["rcp"] = typeof(Reciprocal<>),
        ["sqrt"] = typeof(SquareRoot<>),
        ["rsqrt"] = typeof(ReciprocalSquareRoot<>),
        ["ex2"] = typeof(Exponential2<>),
        ["lg2"] = typeof(Logarithm2<>),
        ["sin"] = typeof(Sine<>),
        ["cos"] = typeof(Cosine<>),
        ["tanh"] = typeof(HyperbolicTangent<>),
    };

    public static Instruction Translate(Decoder d)
    {
        PtxType type = d.Type;
        return type.Kind == ValueKind.Predicate ? PredicateLogic.Translate(d)
            : type.Packed || type.Kind == ValueKind.Brain ? HalfPairs.Translate(d)
            : type.IsFloat ? Float(d, type)
            : Integer(d, type);
    }

    private static Instruction Integer(Decoder d, PtxType type)
    {
        Type clr = type.Clr!;
        switch (d.Opcode)
        {
            case "mul" or "mad":
                return Product(d, type);
            case "shl" or "shr":
                d.Allow();
                return Lanewise.Binary(
                    (d.Opcode == "shl" ? typeof(ShiftLeft<>) : typeof(ShiftRight<>)).MakeGenericType(clr), clr, typeof(uint), clr,
                    d.Target(0, type.Bytes), d.Source(1, type), d.Source(2, PtxType.U32));
            case "popc" or "clz":
                d.Allow();
                return Lanewise.Unary(
                    (d.Opcode == "popc" ? typeof(CountOnes<>) : typeof(CountLeadingZeros<>)).MakeGenericType(clr), clr, typeof(uint),
                    d.Target(0, 4), d.Source(1, type));
            case "sad":
                d.Allow();
                return Ternary(d, type, typeof(AbsoluteDifferenceAdd<>));
        }

        if (IntegerBinary.TryGetValue(d.Opcode, out Type? binary))
        {
            d.Allow();
            return Binary(d, type, binary.MakeGenericType(clr));
        }

        if (IntegerUnary.TryGetValue(d.Opcode, out Type? unary))
        {
            d.Allow();
            return Unary(d, type, unary.MakeGenericType(clr));
        }

        return BitFunctions.Translate(d);
    }

    private static Instruction Product(Decoder d, PtxType type)
    {
        d.Allow("lo", "hi", "wide");
        Type clr = type.Clr!;
        bool add = d.Opcode == "mad";
        if (d.Has("wide"))
        {
            var wide = new PtxType(type.Kind, 2 * type.Bytes);
            Type function = (add ? typeof(MultiplyWideAdd<,>) : typeof(MultiplyWide<,>)).MakeGenericType(clr, wide.Clr!);
            return add
                ? Lanewise.Ternary(
                    function, clr, clr, wide.Clr!, wide.Clr!, d.Target(0, wide.Bytes), d.Source(1, type), d.Source(2, type), d.Source(3, wide))
                : Lanewise.Binary(function, clr, clr, wide.Clr!, d.Target(0, wide.Bytes), d.Source(1, type), d.Source(2, type));
        }

        bool unsigned64 = clr == typeof(ulong);
        return (add, d.Has("hi")) switch
        {
            (false, false) => Binary(d, type, typeof(Multiply<>).MakeGenericType(clr)),
            (false, true) => Binary(d, type, unsigned64 ? typeof(MultiplyHighUnsigned) : typeof(MultiplyHigh<>).MakeGenericType(clr)),
            (true, false) => Ternary(d, type, typeof(MultiplyAdd<>)),
            _ => unsigned64 ? throw d.Failure("mad.hi.u64 is not known here") : Ternary(d, type, typeof(MultiplyHighAdd<>)),
        };
    }

    private static Instruction Float(Decoder d, PtxType type)
    {
        Type clr = type.Clr!;
        switch (d.Opcode)
        {
            case "fma" or "mad":
                d.Allow("rn", "ftz", "sat");
                return Lanewise.Ternary(
                    Modified(d, clr, typeof(FusedMultiplyAdd<>), typeof(FlushedTernary<>), typeof(SaturatedTernary<>)), clr, clr, clr, clr,
                    d.Target(0, type.Bytes), d.Source(1, type), d.Source(2, type), d.Source(3, type));
            case "min" or "max" when d.Has("NaN"):
                d.Allow("NaN", "ftz");
                {
                    Type nan = d.Opcode == "min" ? typeof(MinimumOrNan<>) : typeof(MaximumOrNan<>);
                    return Binary(d, type, Modified(d, clr, nan, typeof(FlushedBinary<>), typeof(SaturatedBinary<>)));
                }

        }

        if (FloatBinary.TryGetValue(d.Opcode, out Type? binary))
        {
            d.Allow("rn", "ftz", "sat", "full", "approx");
            return Binary(d, type, Modified(d, clr, binary, typeof(FlushedBinary<>), typeof(SaturatedBinary<>)));
        }

        if (FloatUnary.TryGetValue(d.Opcode, out Type? unary))
        {
            d.Allow("rn", "ftz", "approx");
            return Unary(d, type, Modified(d, clr, unary, typeof(FlushedUnary<>), typeof(SaturatedUnary<>)));
        }

        throw d.Failure($"{d.Opcode} of floats is not known here");
    }

    // Wraps a function as .ftz and .sat ask; other widths than f32 have no subnormals to flush in the instructions known here.
    private static Type Modified(Decoder d, Type clr, Type function, Type flushed, Type saturated)
    {
        Type closed = function.MakeGenericType(clr);
        if (clr != typeof(float))
        {
            return d.Has("ftz") || d.Has("sat") ? throw d.Failure("only f32 is flushed or saturated here") : closed;
        }

        closed = d.Has("ftz") ? flushed.MakeGenericType(closed) : closed;
        return d.Has("sat") ? saturated.MakeGenericType(closed) : closed;
    }

    private static Instruction Unary(Decoder d, PtxType type, Type function)
    {
        d.Expect(2, 2);
        return Lanewise.Unary(function, type.Clr!, type.Clr!, d.Target(0, type.Bytes), d.Source(1, type));
    }

    private static Instruction Binary(Decoder d, PtxType type, Type function)
    {
        d.Expect(3, 3);
        return Lanewise.Binary(function, type.Clr!, type.Clr!, type.Clr!, d.Target(0, type.Bytes), d.Source(1, type), d.Source(2, type));
    }

    private static Instruction Ternary(Decoder d, PtxType type, Type function)
    {
        d.Expect(4, 4);
        Type clr = type.Clr!;
        return Lanewise.Ternary(
            function.MakeGenericType(clr), clr, clr, clr, clr, d.Target(0, type.Bytes), d.Source(1, type), d.Source(2, type), d.Source(3, type));
    }
}
