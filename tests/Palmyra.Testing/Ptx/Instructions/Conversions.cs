using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates cvt.</summary>
internal static class Conversions
{
    public static Instruction Translate(Decoder d)
    {
        d.Allow("rn", "rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi", "sat", "ftz", "satfinite", "relu");
        PtxType to = d.TypeFromEnd(1);
        PtxType from = d.TypeFromEnd(0);
        if (d.Has("satfinite"))
        {
            throw d.Failure("satfinite is not known here");
        }

        return to.Packed ? Pair(d, to)
            : d.Has("tf32") ? Tensor32(d)
            : to.Kind == ValueKind.Brain || from.Kind == ValueKind.Brain ? Brain(d, to, from)
            : (from.IsFloat, to.IsFloat) switch
            {
                (false, false) => Integers(d, to, from),
                (false, true) => ToFloat(d, to, from),
                (true, false) => ToInteger(d, to, from),
                _ => Floats(d, to, from),
            };
    }

    private static Instruction Integers(Decoder d, PtxType to, PtxType from)
    {
        (int sourceRow, int sourceBytes) = d.Wide(d.Operand(1), from);
        (int targetRow, int targetBytes) = d.Wide(d.Operand(0), to);
        Type source = Bits(sourceBytes);
        Type target = to.IsSigned ? new PtxType(ValueKind.Signed, targetBytes).Clr! : Bits(targetBytes);
        Type function = d.Has("sat") ? typeof(ResizeSaturated<,,,>) : typeof(Resize<,,,>);
        return Lanewise.Unary(function.MakeGenericType(source, from.Clr!, to.Clr!, target), source, target, targetRow, sourceRow);
    }

    private static Instruction ToFloat(Decoder d, PtxType to, PtxType from)
    {
        if (!d.Has("rn"))
        {
            throw d.Failure("integers become floats only with .rn here");
        }

        (int row, int bytes) = d.Wide(d.Operand(1), from);
        Type function = typeof(IntegerToFloat<,,>).MakeGenericType(Bits(bytes), from.Clr!, to.Clr!);
        return Lanewise.Unary(function, Bits(bytes), to.Clr!, d.Target(0, to.Bytes), row);
    }

    private static Instruction ToInteger(Decoder d, PtxType to, PtxType from)
    {
        (int row, int bytes) = d.Wide(d.Operand(0), to);
        Type target = to.IsSigned ? new PtxType(ValueKind.Signed, bytes).Clr! : Bits(bytes);
        Type rounding = Rounding(d) ?? throw d.Failure("a rounding is missing");
        Type function = typeof(FloatToInteger<,,,>).MakeGenericType(from.Clr!, to.Clr!, target, rounding);
        return Lanewise.Unary(function, from.Clr!, target, row, d.Source(1, from));
    }

    private static Instruction Floats(Decoder d, PtxType to, PtxType from)
    {
        if (d.Has("rz") || d.Has("rm") || d.Has("rp"))
        {
            throw d.Failure("floats become narrower only with .rn here");
        }

        Type function = to == from && Rounding(d) is Type rounding
            ? typeof(RoundToIntegral<,>).MakeGenericType(from.Clr!, rounding)
            : typeof(FloatToFloat<,>).MakeGenericType(from.Clr!, to.Clr!);
        if (d.Has("ftz") || d.Has("sat"))
        {
            if (to != from || to.Bytes != 4)
            {
                throw d.Failure("only f32 is flushed or saturated here");
            }

            function = d.Has("ftz") ? typeof(FlushedUnary<>).MakeGenericType(function) : function;
            function = d.Has("sat") ? typeof(SaturatedUnary<>).MakeGenericType(function) : function;
        }

        return Lanewise.Unary(function, from.Clr!, to.Clr!, d.Target(0, to.Bytes), d.Source(1, from));
    }

    // "cvt.rn.bf16x2.f32 d, a, b": a becomes the upper half (PTX manual, "cvt").
    private static Bitwise Pair(Decoder d, PtxType to)
    {
        d.Expect(3, 3);
        bool brain = to.Kind == ValueKind.Brain;
        Func<ulong, ushort> narrow = Narrow(d, brain);
        return new Bitwise(
            (d.Target(0, 4), 4),
            [(d.Source(1, PtxType.F32), 4), (d.Source(2, PtxType.F32), 4)],
            (a, b, _, _) => (uint)narrow(a) << 16 | narrow(b));
    }

    private static Bitwise Brain(Decoder d, PtxType to, PtxType from)
    {
        if (to == PtxType.F32)
        {
            return new Bitwise((d.Target(0, 4), 4), [(d.Source(1, from), 2)], (a, _, _, _) => a << 16);
        }

        if (from != PtxType.F32)
        {
            throw d.Failure("brain floats become and come from f32 only");
        }

        Func<ulong, ushort> narrow = Narrow(d, brain: true);
        return new Bitwise((d.Target(0, 2), 2), [(d.Source(1, from), 4)], (a, _, _, _) => narrow(a));
    }

    // The tensor cores' 32-bit float keeps ten bits behind the leading one; .rna rounds ties away from zero.
    private static Bitwise Tensor32(Decoder d)
    {
        if (!d.Has("rna"))
        {
            throw d.Failure("tf32 is made only with .rna here");
        }

        return new Bitwise((d.Target(0, 4), 4), [(d.Source(1, PtxType.F32), 4)], (a, _, _, _) =>
            float.IsFinite(BitConverter.UInt32BitsToSingle((uint)a)) ? (a + 0x1000) & ~0x1FFFUL : a);
    }

    // .rz cuts towards zero, which for a brain float is its upper half; .relu makes negative numbers zero.
    private static Func<ulong, ushort> Narrow(Decoder d, bool brain)
    {
        bool cut = d.Has("rz");
        bool relu = d.Has("relu");
        if (cut && !brain)
        {
            throw d.Failure("f16 is rounded only to nearest here");
        }

        return bits =>
        {
            float value = BitConverter.UInt32BitsToSingle((uint)bits);
            return relu && value < 0 ? (ushort)0
                : cut && !float.IsNaN(value) ? (ushort)(bits >> 16)
                : HalfPairs.FromFloat(value, brain);
        };
    }

    private static Type? Rounding(Decoder d) =>
        d.Has("rni") ? typeof(ToNearest) : d.Has("rzi") ? typeof(ToZero) : d.Has("rmi") ? typeof(Down) : d.Has("rpi") ? typeof(Up) : null;

    private static Type Bits(int bytes) => new PtxType(ValueKind.Unsigned, bytes).Clr!;
}
