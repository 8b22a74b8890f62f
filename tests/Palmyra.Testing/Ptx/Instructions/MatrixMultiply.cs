using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>
/// mma.sync: D[16, 8] = A[16, K]·B[K, 8] + C[16, 8], the matrices spread over the warp. With g = lane / 4, t = lane % 4 and e numbers a
/// register, register i holds
/// <code>
/// A: row g + 8(i % 2), columns et + 4e(i / 2) and the following;   B: rows et + 4ei and the following, column g
/// C and D: row g + 8(i / 2), column 2t + i % 2
/// </code>
/// (PTX manual, "Matrix Fragments for mma.m16n8k16 with floating point type" and its neighbours; one pattern serves all of them.)
/// </summary>
/// <remarks>
/// Floats are summed in single precision, one fused multiply-add after the other over K; hardware adds in an order of its own and with other
/// roundings, which the manual leaves open. Integers are exact: 32 products of bytes stay below 2²⁴.
/// </remarks>
internal sealed class MatrixMultiply(int inner, PtxType result, PtxType left, PtxType right, int[] d, int[] a, int[] b, int[] c) : Instruction
{
    private const int Rows = 16;
    private const int Columns = 8;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public override void Execute(Warp warp, uint lanes)
    {
        warp.RequireWhole(lanes, full: true);
        warp.Launch.Counters.TensorOperations++;
        Span<float> leftMatrix = stackalloc float[Rows * inner];
        Span<float> rightMatrix = stackalloc float[inner * Columns];
        Span<float> sums = stackalloc float[Rows * Columns];
        sums.Clear();
        Span<float> numbers = stackalloc float[4];
        int perRegister = 4 / left.Bytes;
        for (int i = 0; i < a.Length; i++)
        {
            ReadOnlySpan<uint> register = warp.Read<uint>(a[i], lanes);
            for (int lane = 0; lane < 32; lane++)
            {
                Unpack(register[lane], left, numbers);
                int at = (((lane >> 2) + (8 * (i & 1))) * inner) + (perRegister * (lane & 3)) + (4 * perRegister * (i >> 1));
                numbers[..perRegister].CopyTo(leftMatrix[at..]);
            }
        }

        for (int i = 0; i < b.Length; i++)
        {
            ReadOnlySpan<uint> register = warp.Read<uint>(b[i], lanes);
            for (int lane = 0; lane < 32; lane++)
            {
                Unpack(register[lane], right, numbers);
                int row = (perRegister * (lane & 3)) + (4 * perRegister * i);
                for (int j = 0; j < perRegister; j++)
                {
                    rightMatrix[((row + j) * Columns) + (lane >> 2)] = numbers[j];
                }
            }
        }

        bool integers = result.Kind == ValueKind.Signed;
        if (!integers)
        {
            LoadSums(warp, lanes, sums);
        }

        for (int row = 0; row < Rows; row++)
        {
            Vector256<float> sum = Vector256.Create<float>(sums.Slice(row * Columns, Columns));
            for (int k = 0; k < inner; k++)
            {
                sum = Vector256.FusedMultiplyAdd(
                    Vector256.Create(leftMatrix[(row * inner) + k]), Vector256.Create<float>(rightMatrix.Slice(k * Columns, Columns)), sum);
            }

            sum.CopyTo(sums.Slice(row * Columns, Columns));
        }

        StoreSums(warp, lanes, sums, integers);
        warp.Block.Clock.MeetWithin(warp.Index, fence: false);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void LoadSums(Warp warp, uint lanes, Span<float> sums)
    {
        for (int i = 0; i < 4; i++)
        {
            ReadOnlySpan<uint> register = warp.Read<uint>(result.Bytes == 2 ? c[i / 2] : c[i], lanes);
            for (int lane = 0; lane < 32; lane++)
            {
                sums[Place(lane, i)] = result.Bytes == 2
                    ? HalfPairs.ToFloat((ushort)(register[lane] >> (16 * (i & 1))), brain: false)
                    : BitConverter.UInt32BitsToSingle(register[lane]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void StoreSums(Warp warp, uint lanes, ReadOnlySpan<float> sums, bool integers)
    {
        for (int i = 0; i < d.Length; i++)
        {
            ReadOnlySpan<int> addend = integers ? warp.Read<int>(c[i], lanes) : default;
            Span<uint> register = warp.Write<uint>(d[i], lanes);
            for (int lane = 0; lane < 32; lane++)
            {
                register[lane] = integers ? unchecked((uint)((int)sums[Place(lane, i)] + addend[lane]))
                    : result.Bytes == 4 ? BitConverter.SingleToUInt32Bits(sums[Place(lane, i)])
                    : HalfPairs.FromFloat(sums[Place(lane, 2 * i)], brain: false)
                        | (uint)HalfPairs.FromFloat(sums[Place(lane, (2 * i) + 1)], brain: false) << 16;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Place(int lane, int i) => (((lane >> 2) + (8 * (i >> 1))) * Columns) + (2 * (lane & 3)) + (i & 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Unpack(uint register, PtxType type, Span<float> numbers)
    {
        switch (type.Kind, type.Bytes)
        {
            case (ValueKind.Brain, _):
                numbers[0] = BitConverter.UInt32BitsToSingle(register << 16);
                numbers[1] = BitConverter.UInt32BitsToSingle(register & 0xFFFF0000);
                break;
            case (ValueKind.Float, 2):
                numbers[0] = (float)BitConverter.UInt16BitsToHalf((ushort)register);
                numbers[1] = (float)BitConverter.UInt16BitsToHalf((ushort)(register >> 16));
                break;
            case (ValueKind.Float, _):
                // A tf32 number: the hardware does not look at the lower thirteen bits.
                numbers[0] = BitConverter.UInt32BitsToSingle(register & ~0x1FFFu);
                break;
            default:
                for (int i = 0; i < 4; i++)
                {
                    numbers[i] = type.IsSigned ? (sbyte)(register >> (8 * i)) : (byte)(register >> (8 * i));
                }

                break;
        }
    }
}
