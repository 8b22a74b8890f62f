using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>
/// ldmatrix and stmatrix: matrices of 8 rows of 8 16-bit numbers between shared memory and registers. Lanes 8i to 8i + 7 name the rows of
/// matrix i; lane 4r + c holds the numbers 2c and 2c + 1 of row r in register i, or of column r with .trans. The eight rows of a matrix move in
/// one pass over the banks unless they conflict.
/// </summary>
internal sealed unsafe class MoveMatrices(bool load, Address address, int[] registers, bool transposed) : Instruction
{
    private const int RowBytes = 16;

    public override void Execute(Warp warp, uint lanes)
    {
        warp.RequireWhole(lanes, full: true);
        Span<ulong> rows = stackalloc ulong[32];
        address.Of(warp, lanes, rows);
        uint named = registers.Length == 4 ? Warp.All : (1u << (8 * registers.Length)) - 1;
        _ = Access.Begin(warp, Space.Shared, rows, named, RowBytes, isWrite: !load);
        for (int matrix = 0; matrix < registers.Length; matrix++)
        {
            if (load)
            {
                Load(warp, 8 * matrix, rows.Slice(8 * matrix, 8), warp.Write<uint>(registers[matrix], lanes));
            }
            else
            {
                Store(warp, rows.Slice(8 * matrix, 8), warp.Read<uint>(registers[matrix], lanes));
            }
        }

        warp.Block.Clock.MeetWithin(warp.Index, fence: false);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Load(Warp warp, int firstLane, ReadOnlySpan<ulong> rows, Span<uint> register)
    {
        byte** places = stackalloc byte*[8];
        for (int row = 0; row < 8; row++)
        {
            places[row] = warp.Block.Shared.Read(warp, firstLane + row, rows[row], RowBytes, strong: false, together: true);
        }

        for (int lane = 0; lane < 32; lane++)
        {
            int r = lane / 4;
            int c = lane % 4;
            register[lane] = transposed
                ? ((ushort*)places[2 * c])[r] | (uint)((ushort*)places[(2 * c) + 1])[r] << 16
                : ((uint*)places[r])[c];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Store(Warp warp, ReadOnlySpan<ulong> rows, ReadOnlySpan<uint> register)
    {
        SharedMemory shared = warp.Block.Shared;
        for (int lane = 0; lane < 32; lane++)
        {
            uint value = register[lane];
            if (transposed)
            {
                ulong column = 2 * (ulong)(lane / 4);
                shared.Write(warp, lane, rows[lane % 4 * 2] + column, new ReadOnlySpan<byte>(&value, 2), strong: false);
                shared.Write(warp, lane, rows[(lane % 4 * 2) + 1] + column, new ReadOnlySpan<byte>((byte*)&value + 2, 2), strong: false);
            }
            else
            {
                shared.Write(warp, lane, rows[lane / 4] + (4 * (ulong)(lane % 4)), new ReadOnlySpan<byte>(&value, 4), strong: false);
            }
        }
    }
}
