using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>
/// Translates ld and st. How caches treat an access does not change what it reads, so those parts of the opcode are read over.
/// </summary>
internal static class MemoryAccess
{
    private static readonly string[] Known =
    [
        "global", "shared", "shared::cta", "local", "param", "param::entry", "v2", "v4", "nc", "ca", "cg", "cs", "cv", "lu", "wb", "wt",
        "volatile", "weak", "relaxed", "acquire", "release", "cta", "gpu", "sys",
        "L1::evict_normal", "L1::evict_first", "L1::evict_last", "L1::no_allocate", "L1::evict_unchanged",
        "L2::evict_first", "L2::evict_last", "L2::evict_normal", "L2::cache_hint", "L2::64B", "L2::128B", "L2::256B",
    ];

    public static Instruction Translate(Decoder d)
    {
        d.Allow(Known);
        bool load = d.Opcode == "ld";
        int data = load ? 0 : 1;
        PtxType type = d.Type;
        int count = d.Has("v4") ? 4 : d.Has("v2") ? 2 : 1;
        IReadOnlyList<Operand> list = d.List(data);
        if (list.Count != count || count * type.Bytes > 16)
        {
            throw d.Failure($"{list.Count} registers of {type.Bytes} bytes do not fit the instruction");
        }

        (int Row, int Bytes)[] registers = [.. list.Select(one => d.Wide(one, type))];
        Address address = d.Address(load ? 1 : 0);
        Space space = SpaceOf(d);
        if (space == Space.Parameter)
        {
            // A kernel's own parameters cannot be written; a called function's are local memory here.
            space = address.Variable ?? Space.Parameter;
        }
        else if (address.Variable is Space named && named != space)
        {
            throw d.Failure("the variable lies in another space");
        }

        bool strong = d.Has("volatile") || d.Has("relaxed") || d.Has("acquire") || d.Has("release");
        if (space == Space.Parameter && !load)
        {
            throw d.Failure("a kernel's parameters cannot be written");
        }

        Type memory = type.Clr is Type clr && !type.IsFloat ? clr : new PtxType(ValueKind.Bits, type.Bytes).Clr!;
        Type register = new PtxType(ValueKind.Bits, registers[0].Bytes).Clr!;
        return registers.All(one => one.Bytes == registers[0].Bytes)
            ? Lanewise.Make(
                (load ? typeof(Load<,>) : typeof(Store<,>)).MakeGenericType(memory, register),
                space, address, registers.Select(one => one.Row).ToArray(), strong)
            : throw d.Failure("the registers of a list must have one size");
    }

    /// <summary>The space an opcode names.</summary>
    public static Space SpaceOf(Decoder d) =>
        d.Has("global") || d.Has("const") ? Space.Global
        : d.Has("shared") || d.Has("shared::cta") ? Space.Shared
        : d.Has("local") ? Space.Local
        : d.Has("param") || d.Has("param::entry") ? Space.Parameter
        : Space.Generic;
}

/// <summary>ld: each lane's numbers from memory into registers that may be wider.</summary>
internal sealed unsafe class Load<TMemory, TRegister>(Space space, Address address, int[] targets, bool strong) : Instruction
    where TMemory : unmanaged, IBinaryInteger<TMemory>
    where TRegister : unmanaged, IBinaryInteger<TRegister>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public override void Execute(Warp warp, uint lanes)
    {
        int bytes = sizeof(TMemory) * targets.Length;
        Span<ulong> addresses = stackalloc ulong[32];
        address.Of(warp, lanes, addresses);
        Access access = Access.Begin(warp, space, addresses, lanes, bytes, isWrite: false);
        Span<nuint> places = stackalloc nuint[32];
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            places[lane] = (nuint)access.Read(lane, addresses[lane], strong);
        }

        for (int i = 0; i < targets.Length; i++)
        {
            Span<TRegister> target = warp.Write<TRegister>(targets[i], lanes);
            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                target[lane] = TRegister.CreateTruncating(((TMemory*)places[lane])[i]);
            }
        }
    }
}

/// <summary>st: the low bits of each lane's registers to memory.</summary>
internal sealed unsafe class Store<TMemory, TRegister>(Space space, Address address, int[] sources, bool strong) : Instruction
    where TMemory : unmanaged, IBinaryInteger<TMemory>
    where TRegister : unmanaged, IBinaryInteger<TRegister>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public override void Execute(Warp warp, uint lanes)
    {
        int bytes = sizeof(TMemory) * sources.Length;
        Span<ulong> addresses = stackalloc ulong[32];
        address.Of(warp, lanes, addresses);
        Access access = Access.Begin(warp, space, addresses, lanes, bytes, isWrite: true);
        TMemory* values = stackalloc TMemory[32 * sources.Length];
        for (int i = 0; i < sources.Length; i++)
        {
            ReadOnlySpan<TRegister> source = warp.Read<TRegister>(sources[i], lanes);
            for (int lane = 0; lane < 32; lane++)
            {
                values[(lane * sources.Length) + i] = TMemory.CreateTruncating(source[lane]);
            }
        }

        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            access.Write(lane, addresses[lane], new ReadOnlySpan<byte>(values + (lane * sources.Length), bytes), strong);
        }
    }
}
