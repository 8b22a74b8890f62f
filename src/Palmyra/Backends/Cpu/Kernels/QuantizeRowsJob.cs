using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Rows of inputs as integers, for products with Q8 and Q4 weights: x ≈ n·scale, scale = max|x|/limit, n = x·(1/scale) to the nearest, ties
// to even.
//   Q8   16 bits, one scale a row, limit 32767: an error of max|x|/65534, some hundred times less than the weights' own
//   Q4   8 bits, one scale for each 32 inputs, limit 127: an error of max|x|/254, less than a tenth of the weights' own; besides −8·Σn of
//        each 32, since a stored weight is 8 too large
// Rounding adds 1.5·2²³, whose low bits then hold the integer: the same at every width. Inputs among which NaN or infinity is have such a
// scale, and so has every output made of them. Tails: columns up to a multiple of 32 become 0. Cost: one pass over the row.
internal unsafe struct QuantizeRowsJob
{
    private const float SixteenBits = 32767;
    private const float EightBits = 127;
    private const float Rounding = 12582912;

    public float* X;
    public nint XStride;
    public int Cols;

    /// <summary>[row][32·groups] integers of 16 or 8 bits.</summary>
    public byte* Integers;

    /// <summary>[row] for 16 bits, [row][group] for 8.</summary>
    public float* Scales;

    /// <summary>[row][group] −8·Σn, for 8 bits.</summary>
    public int* Offsets;

    /// <summary>Sixteen bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run16<T>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
    {
        QuantizeRowsJob* job = (QuantizeRowsJob*)context;
        int length = PanelLayout.Groups(job->Cols) * PanelLayout.GroupSize;
        T rounding = T.Create(Rounding);
        for (int row = start; row < end; row++)
        {
            float* x = job->X + (row * job->XStride);
            short* integers = (short*)job->Integers + ((nint)row * length);
            float inverse = Inverse(x, job->Cols, SixteenBits, out job->Scales[row]);
            T factor = T.Create(inverse);
            int whole = job->Cols / T.Count * T.Count;
            for (int k = 0; k < whole; k += T.Count)
            {
                T.StoreLow16(integers + k, (T.Load(x + k) * factor) + rounding);
            }

            for (int k = whole; k < length; k++)
            {
                integers[k] = k < job->Cols ? (short)Round(x[k], inverse) : (short)0;
            }
        }
    }

    /// <summary>Eight bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run8<T>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
    {
        QuantizeRowsJob* job = (QuantizeRowsJob*)context;
        int groups = PanelLayout.Groups(job->Cols);
        T rounding = T.Create(Rounding);
        for (int row = start; row < end; row++)
        {
            float* x = job->X + (row * job->XStride);
            sbyte* integers = (sbyte*)job->Integers + ((nint)row * groups * PanelLayout.GroupSize);
            for (int group = 0; group < groups; group++, x += PanelLayout.GroupSize, integers += PanelLayout.GroupSize)
            {
                int count = Math.Min(PanelLayout.GroupSize, job->Cols - (group * PanelLayout.GroupSize));
                nint at = ((nint)row * groups) + group;
                float inverse = Inverse(x, count, EightBits, out job->Scales[at]);
                T factor = T.Create(inverse);
                int whole = count / T.Count * T.Count;
                for (int k = 0; k < whole; k += T.Count)
                {
                    T.StoreLow8(integers + k, (T.Load(x + k) * factor) + rounding);
                }

                for (int k = whole; k < PanelLayout.GroupSize; k++)
                {
                    integers[k] = k < count ? (sbyte)Round(x[k], inverse) : (sbyte)0;
                }

                job->Offsets[at] = -8 * Sum(integers);
            }
        }
    }

    /// <summary>1/scale; 0 where that overflows, since the numbers are as good as 0 then, and where the scale is infinite.</summary>
    private static float Inverse(float* x, int count, float limit, out float scale)
    {
        scale = MathF.Abs(TensorPrimitives.MaxMagnitude(new ReadOnlySpan<float>(x, count))) / limit;
        float inverse = 1 / scale;
        return float.IsFinite(inverse) ? inverse : 0;
    }

    private static int Round(float x, float inverse) => BitConverter.SingleToInt32Bits((x * inverse) + Rounding);

    /// <summary>The sum of 32 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Sum(sbyte* integers)
    {
        Vector128<sbyte> a = Vector128.Load(integers);
        Vector128<sbyte> b = Vector128.Load(integers + Vector128<sbyte>.Count);
        return Vector128.Sum(Vector128.WidenLower(a) + Vector128.WidenUpper(a) + Vector128.WidenLower(b) + Vector128.WidenUpper(b));
    }
}
