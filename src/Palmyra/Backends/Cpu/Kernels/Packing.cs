using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Palmyra.Backends.Cpu.Kernels;

// Interleaves input rows for PanelProduct: tile t holds rows [t·T, t·T + T) as [K][T], T the largest tile; the last tile is only as tall
// as the next of 1, 2, 4, 8 rows, missing rows being zero. Four rows by four columns are turned in registers at a time.
// Tails: K is rounded up to 4; rows are padded to a multiple of 16 columns, so that reads stay inside them, and what the padding
// holds lands beyond K and is never multiplied. Cost: 8 bytes a number, once per Linear of several rows, against 2·N operations.
internal static unsafe class Packing
{
    /// <summary>Floats from a full tile to the next.</summary>
    public static nint TileStride(int cols, int tileRows) => (nint)((cols + 3) & ~3) * tileRows;

    /// <summary>Packs one tile of <paramref name="rows"/> rows as <paramref name="tileRows"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackTile(float* destination, float* source, nint stride, int cols, int rows, int tileRows)
    {
        if (tileRows < 4)
        {
            for (int k = 0; k < cols; k++)
            {
                for (int i = 0; i < tileRows; i++)
                {
                    destination[(k * tileRows) + i] = i < rows ? source[(i * stride) + k] : 0;
                }
            }

            return;
        }

        for (int i = 0; i < tileRows; i += 4)
        {
            float* row = source + (i * stride);
            float* to = destination + i;
            for (int k = 0; k < cols; k += 4, to += 4 * tileRows)
            {
                Vector128<float> a = i < rows ? Vector128.Load(row + k) : default;
                Vector128<float> b = i + 1 < rows ? Vector128.Load(row + stride + k) : default;
                Vector128<float> c = i + 2 < rows ? Vector128.Load(row + (2 * stride) + k) : default;
                Vector128<float> d = i + 3 < rows ? Vector128.Load(row + (3 * stride) + k) : default;
                Transpose(ref a, ref b, ref c, ref d);
                a.Store(to);
                b.Store(to + tileRows);
                c.Store(to + (2 * tileRows));
                d.Store(to + (3 * tileRows));
            }
        }
    }

    /// <summary>Turns four vectors of four into their columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(ref Vector128<float> a, ref Vector128<float> b, ref Vector128<float> c, ref Vector128<float> d)
    {
        // Numbers of two rows are interleaved first, then halves of two pairs put together.
        Vector128<float> ab0 = Zip(a, b, low: true);
        Vector128<float> ab1 = Zip(a, b, low: false);
        Vector128<float> cd0 = Zip(c, d, low: true);
        Vector128<float> cd1 = Zip(c, d, low: false);
        a = Vector128.Create(ab0.GetLower(), cd0.GetLower());
        b = Vector128.Create(ab0.GetUpper(), cd0.GetUpper());
        c = Vector128.Create(ab1.GetLower(), cd1.GetLower());
        d = Vector128.Create(ab1.GetUpper(), cd1.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Zip(Vector128<float> left, Vector128<float> right, bool low)
    {
        if (Sse.IsSupported)
        {
            return low ? Sse.UnpackLow(left, right) : Sse.UnpackHigh(left, right);
        }

        if (AdvSimd.Arm64.IsSupported)
        {
            return low
                ? AdvSimd.Arm64.ZipLow(left, right)
                : AdvSimd.Arm64.ZipHigh(left, right);
        }

        int from = low ? 0 : 2;
        return Vector128.Create(left[from], right[from], left[from + 1], right[from + 1]);
    }
}
