using System.Numerics;
using System.Runtime.CompilerServices;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// A warp's access to memory: refuses misaligned addresses (PTX manual, "Addresses as Operands": a multiple of the size, of the whole vector
/// where there is one), counts bytes, sectors and bank conflicts, and finds the bytes.
/// </summary>
internal readonly unsafe ref struct Access
{
    private readonly Warp _warp;
    private readonly Space _space;
    private readonly int _bytes;

    // Global memory: where the lowest address is, if one allocation holds all lanes' bytes.
    private readonly byte* _place;
    private readonly ulong _low;

    private Access(Warp warp, Space space, int bytes, ulong low, ulong high)
    {
        _warp = warp;
        _space = space;
        _bytes = bytes;
        _low = low;
        _place = space == Space.Global ? warp.Launch.Memory.Find(low, high - low + (ulong)bytes) : null;
    }

    /// <summary>Looks at all lanes' addresses before any is used; generic ones become those of their space.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Access Begin(Warp warp, Space space, Span<ulong> addresses, uint lanes, int bytes, bool isWrite)
    {
        int first = BitOperations.TrailingZeroCount(lanes);
        if (space == Space.Generic)
        {
            (space, _) = Window.Resolve(addresses[first]);
            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                (Space own, addresses[lane]) = Window.Resolve(addresses[lane]);
                if (own != space)
                {
                    throw warp.Fault(lane, "the lanes' generic addresses lie in different spaces, which the interpreter does not know");
                }
            }
        }

        ulong bits = 0;
        ulong low = ulong.MaxValue;
        ulong high = 0;
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            ulong address = addresses[BitOperations.TrailingZeroCount(rest)];
            bits |= address;
            low = Math.Min(low, address);
            high = Math.Max(high, address);
        }

        if ((bits & (ulong)(bytes - 1)) != 0)
        {
            throw Misaligned(warp, addresses, lanes, bytes);
        }

        Count(warp, space, addresses, lanes, bytes, isWrite);
        return new Access(warp, space, bytes, low, high);
    }

    /// <summary>A lane's bytes, to be read.</summary>
    public byte* Read(int lane, ulong address, bool strong)
    {
        switch (_space)
        {
            case Space.Global:
                return Global(lane, address);
            case Space.Shared:
                return _warp.Block.Shared.Read(_warp, lane, address, _bytes, strong);
            case Space.Local:
                return _warp.Local(lane, address, _bytes);
            default:
                return _warp.Launch.Parameter(_warp, lane, address, _bytes);
        }
    }

    /// <summary>Writes a lane's bytes.</summary>
    public void Write(int lane, ulong address, ReadOnlySpan<byte> value, bool strong)
    {
        switch (_space)
        {
            case Space.Shared:
                _warp.Block.Shared.Write(_warp, lane, address, value, strong);
                break;
            case Space.Local:
                value.CopyTo(new Span<byte>(_warp.Local(lane, address, _bytes), _bytes));
                break;
            default:
                value.CopyTo(new Span<byte>(Global(lane, address), _bytes));
                break;
        }
    }

    /// <summary>A lane's bytes, to be updated by an atomic instruction.</summary>
    public byte* Update(int lane, ulong address) => _space switch
    {
        Space.Global => Global(lane, address),
        Space.Shared => _warp.Block.Shared.Update(_warp, lane, address, _bytes),
        _ => throw _warp.Fault(lane, "atomic instructions work on global and shared memory only"),
    };

    private byte* Global(int lane, ulong address)
    {
        if (_place is not null)
        {
            return _place + (address - _low);
        }

        byte* place = _warp.Launch.Memory.Find(address, (ulong)_bytes);
        return place is not null ? place : throw _warp.Fault(lane, _warp.Launch.Memory.Describe(address, (ulong)_bytes));
    }

    private static void Count(Warp warp, Space space, Span<ulong> addresses, uint lanes, int bytes, bool isWrite)
    {
        Counters counters = warp.Launch.Counters;
        if (space == Space.Shared)
        {
            counters.CountConflicts(warp.CurrentIndex, Banks.Conflicts(addresses, lanes, bytes));
        }
        else if (space == Space.Global)
        {
            long moved = (long)bytes * BitOperations.PopCount(lanes);
            int sectors = Sectors.Count(addresses, lanes, bytes);
            counters.GlobalBytesRead += isWrite ? 0 : moved;
            counters.GlobalBytesWritten += isWrite ? moved : 0;
            counters.SectorsRead += isWrite ? 0 : sectors;
            counters.SectorsWritten += isWrite ? sectors : 0;
        }
    }

    private static PtxFailure Misaligned(Warp warp, Span<ulong> addresses, uint lanes, int bytes)
    {
        int lane = BitOperations.TrailingZeroCount(lanes);
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            lane = BitOperations.TrailingZeroCount(rest);
            if ((addresses[lane] & (ulong)(bytes - 1)) != 0)
            {
                break;
            }
        }

        return warp.Fault(lane, $"address 0x{addresses[lane]:x} is not a multiple of {bytes}");
    }
}
