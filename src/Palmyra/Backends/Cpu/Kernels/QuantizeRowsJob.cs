using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;
using Palmyra.Quantization;

namespace Palmyra.Backends.Cpu.Kernels;

// Rows of inputs as 16-bit integers, for products with Q8 and Q4 weights: x ≈ n·scale, scale = max|x|/32767, n = x·(1/scale) rounded to the
// nearest, ties to even. One scale a row: sixteen bits leave an error of at most max|x|/65534 an input, some hundred times less than the
// weights' own, so that a quantised model's outputs are those of its dequantised weights to about four digits, and the products of pairs
// of 16-bit integers run at the speed of an 8-bit dot product of half the width (CONTRIBUTING.md says why not 8 bits).
// Rounding adds 1.5·2²³, whose low bits then hold the integer: the same at every width. A row that holds NaN or infinity has such a scale,
// and so has everything made of it. Tails: columns up to a multiple of 32 become 0.
internal unsafe struct QuantizeRowsJob
{
    private const float Largest = 32767;
    private const float Rounding = 12582912;

    public float* X;
    public nint XStride;
    public int Cols;

    /// <summary>[row][32·groups].</summary>
    public short* Integers;
    public float* Scales;

    /// <summary>[row][groups] for −8·Σ of a group's integers; null if not wanted.</summary>
    public int* Offsets;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
    {
        QuantizeRowsJob* job = (QuantizeRowsJob*)context;
        int groups = PanelLayout.Groups(job->Cols);
        int length = groups * PanelLayout.GroupSize;
        for (int row = start; row < end; row++)
        {
            float* x = job->X + (row * job->XStride);
            short* integers = job->Integers + ((nint)row * length);
            float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(new ReadOnlySpan<float>(x, job->Cols)));
            float scale = largest / Largest;
            job->Scales[row] = scale;

            // The reciprocal of a scale near the smallest float overflows; such a row is as good as 0, and so is an infinite one's quotient.
            float inverse = 1 / scale;
            T factor = T.Create(float.IsFinite(inverse) ? inverse : 0);
            T rounding = T.Create(Rounding);
            int whole = job->Cols / T.Count * T.Count;
            for (int k = 0; k < whole; k += T.Count)
            {
                T.StoreLow16(integers + k, (T.Load(x + k) * factor) + rounding);
            }

            // What a row's padding holds must not become an input.
            for (int k = whole; k < length; k++)
            {
                integers[k] = k < job->Cols ? (short)BitConverter.SingleToInt32Bits((x[k] * (float.IsFinite(inverse) ? inverse : 0)) + Rounding) : (short)0;
            }

            if (job->Offsets != null)
            {
                for (int group = 0; group < groups; group++)
                {
                    int sum = 0;
                    for (int k = 0; k < PanelLayout.GroupSize; k++)
                    {
                        sum += integers[(group * PanelLayout.GroupSize) + k];
                    }

                    job->Offsets[((nint)row * groups) + group] = -Q4Format.Excess * sum;
                }
            }
        }
    }
}
