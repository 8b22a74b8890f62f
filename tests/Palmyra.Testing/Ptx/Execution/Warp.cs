using System.Numerics;
using System.Runtime.InteropServices;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// Thirty-two lanes that execute together: their registers, and the failures they report. A register is a row of 32 numbers in the order of
/// the lanes; rows are named by their offset in bytes. Constants and special registers are rows too, so that every operand is a row.
/// A register remembers which lanes have written it: reading another lane's is a failure.
/// </summary>
internal sealed unsafe partial class Warp : IDisposable
{
    /// <summary>All lanes.</summary>
    public const uint All = uint.MaxValue;

    // The smallest row, of 16-bit registers, has 64 bytes: a row's offset in this unit is its number among the masks.
    private const int RowUnit = 64;

    private readonly Program _program;
    private readonly byte* _registers;
    private readonly byte* _local;
    private readonly uint[] _defined;
    private readonly uint[] _predicates;
    private readonly uint[] _predicatesDefined;

    public Warp(Launch launch, Block block, int index)
    {
        _program = launch.Program;
        Launch = launch;
        Block = block;
        Index = index;
        Copies = new AsyncCopies(this);
        int lanes = Math.Min(32, launch.Shape.Threads - (index * 32));
        Present = lanes == 32 ? All : (1u << lanes) - 1;
        _registers = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(_program.RegisterBytes, RowUnit), 64);
        _local = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(32 * _program.LocalBytes, RowUnit), 64);
        _defined = new uint[_program.RegisterBytes / RowUnit];
        _predicates = new uint[_program.Predicates];
        _predicatesDefined = new uint[_program.Predicates];
        foreach ((int row, int bytes, ulong value) in _program.Constants)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                WriteBits(row, bytes, lane, value);
            }
        }
    }

    public Launch Launch { get; }

    public Block Block { get; }

    /// <summary>Its number within the block.</summary>
    public int Index { get; }

    /// <summary>The lanes that the block has threads for.</summary>
    public uint Present { get; }

    /// <summary>Its lanes' asynchronous copies.</summary>
    public AsyncCopies Copies { get; }

    /// <summary>Forgets all registers and starts the program over.</summary>
    public void Reset()
    {
        Array.Clear(_defined);
        Array.Clear(_predicatesDefined);
        NativeMemory.Fill(_local, (nuint)(32 * _program.LocalBytes), 0xFF);
        Copies.Reset();
        foreach ((int row, _, _) in _program.Constants)
        {
            _defined[row / RowUnit] = All;
        }

        foreach ((int row, Func<Warp, int, uint> value) in _program.Specials)
        {
            Span<uint> register = Write<uint>(row, All);
            for (int lane = 0; lane < 32; lane++)
            {
                register[lane] = value(this, lane);
            }
        }

        Restart();
    }

    /// <summary>The thread's number within the block.</summary>
    public int Thread(int lane) => (Index * 32) + lane;

    /// <summary>A register that <paramref name="lanes"/> read.</summary>
    public ReadOnlySpan<T> Read<T>(int row, uint lanes)
        where T : unmanaged
    {
        if ((_defined[row / RowUnit] & lanes) != lanes)
        {
            throw Undefined(row, lanes);
        }

        return new ReadOnlySpan<T>(_registers + row, 32);
    }

    /// <summary>A register that <paramref name="lanes"/> write.</summary>
    public Span<T> Write<T>(int row, uint lanes)
        where T : unmanaged
    {
        _defined[row / RowUnit] |= lanes;
        return new Span<T>(_registers + row, 32);
    }

    /// <summary>One lane of a register that is <paramref name="bytes"/> wide, as bits; no check.</summary>
    public ulong ReadBits(int row, int bytes, int lane) => bytes switch
    {
        2 => ((ushort*)(_registers + row))[lane],
        4 => ((uint*)(_registers + row))[lane],
        _ => ((ulong*)(_registers + row))[lane],
    };

    /// <summary>Writes one lane of a register that is <paramref name="bytes"/> wide; no check.</summary>
    public void WriteBits(int row, int bytes, int lane, ulong value)
    {
        switch (bytes)
        {
            case 2:
                ((ushort*)(_registers + row))[lane] = (ushort)value;
                break;
            case 4:
                ((uint*)(_registers + row))[lane] = (uint)value;
                break;
            default:
                ((ulong*)(_registers + row))[lane] = value;
                break;
        }
    }

    /// <summary>Refuses a read of a register that one of the lanes has not written.</summary>
    public void Require(int row, uint lanes)
    {
        if ((_defined[row / RowUnit] & lanes) != lanes)
        {
            throw Undefined(row, lanes);
        }
    }

    /// <summary>Notes that lanes write a register.</summary>
    public void Define(int row, uint lanes) => _defined[row / RowUnit] |= lanes;

    /// <summary>A predicate register, a bit for each lane.</summary>
    public uint ReadPredicate(int predicate, uint lanes)
    {
        uint missing = lanes & ~_predicatesDefined[predicate];
        return missing == 0
            ? _predicates[predicate]
            : throw Fault(BitOperations.TrailingZeroCount(missing), $"reads {_program.PredicateNames[predicate]}, which nothing has written");
    }

    /// <summary>Writes a predicate register for some lanes.</summary>
    public void WritePredicate(int predicate, uint lanes, uint value)
    {
        _predicatesDefined[predicate] |= lanes;
        _predicates[predicate] = (_predicates[predicate] & ~lanes) | (value & lanes);
    }

    /// <summary>A lane's local memory.</summary>
    public byte* Local(int lane, ulong address, int bytes) => address + (ulong)bytes <= (ulong)_program.LocalBytes
        ? _local + (lane * _program.LocalBytes) + address
        : throw Fault(lane, $"the {bytes} bytes at {address} do not lie in the thread's {_program.LocalBytes} bytes of local memory");

    /// <summary>The failure of what a lane is doing now.</summary>
    public PtxFailure Fault(int lane, string reason)
    {
        Instruction instruction = Current;
        return new PtxFailure(_program.Name, instruction.Line, instruction.Text, (Block.X, Block.Y), Thread(lane), reason);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_registers);
        NativeMemory.AlignedFree(_local);
    }

    private PtxFailure Undefined(int row, uint lanes)
    {
        int lane = BitOperations.TrailingZeroCount(lanes & ~_defined[row / RowUnit]);
        return Fault(lane, $"reads {_program.RegisterNames.GetValueOrDefault(row, "a register")}, which nothing has written");
    }
}
