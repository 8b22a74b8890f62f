using CsCheck;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class TensorViewTests
{
    private static readonly Gen<View> Views =
        from shape in Gen.Long[0, 5].Array[0, 4]
        from permutation in Gen.Shuffle(Enumerable.Range(0, 4).ToArray())
        from gap in Gen.Long[1, 2]
        from offset in Gen.Long[0, 3]
        select new View(shape, Strides(shape, permutation, gap), offset);

    [Fact]
    public void AnyRunOfAnyViewHoldsTheElementsAtOffsetPlusIndexTimesStride() => Gen.Select(Views, Gen.Double[0, 1], Gen.Double[0, 1]).Sample(
        (view, from, to) =>
        {
            var numbers = new float[4096];
            for (int i = 0; i < numbers.Length; i++)
            {
                numbers[i] = i;
            }

            var bytes = new byte[numbers.Length * sizeof(float)];
            Buffer.BlockCopy(numbers, 0, bytes, 0, bytes.Length);
            var tensor = new TensorView("t", ElementType.F32, view.Shape, view.Strides, ByteSource.Of(bytes), view.Offset * sizeof(float), "memory");
            float[] naive = [.. Places(view, 0, view.Offset).Select(place => (float)place)];
            Assert.Equal(naive.Length, tensor.Count);
            Assert.Equal(naive, tensor.ToFloats());

            int first = (int)(from * naive.Length);
            var part = new byte[(int)(to * (naive.Length - first)) * sizeof(float)];
            tensor.CopyBytes(first, part);
            var floats = new float[part.Length / sizeof(float)];
            Buffer.BlockCopy(part, 0, floats, 0, part.Length);
            Assert.Equal(naive.AsSpan(first, floats.Length).ToArray(), floats);
        },
        iter: 2000);

    [Fact]
    public void RangesOutsideAndCutElementsAreArgumentErrors()
    {
        var tensor = new TensorView("t", ElementType.F32, [2], [1], ByteSource.Of(new byte[8]), 0, "memory");
        Assert.Throws<ArgumentException>(() => tensor.CopyBytes(0, new byte[3]));
        Assert.Throws<ArgumentException>(() => tensor.CopyBytes(1, new byte[8]));
        Assert.Throws<ArgumentException>(() => tensor.CopyBytes(-1, new byte[4]));
        tensor.CopyBytes(2, []);
    }

    [Fact]
    public void IntegersAreNotFloats()
    {
        var tensor = new TensorView("t", ElementType.I32, [2], [1], ByteSource.Of(new byte[8]), 0, "memory");
        Assert.Contains("I32 [2]", Assert.Throws<CheckpointException>(tensor.ToFloats).Message);
    }

    private static long[] Strides(long[] shape, int[] permutation, long gap)
    {
        var strides = new long[shape.Length];
        long next = gap;
        foreach (int dimension in permutation.Where(dimension => dimension < shape.Length))
        {
            strides[dimension] = next;
            next *= Math.Max(shape[dimension], 1);
        }

        return strides;
    }

    private static IEnumerable<long> Places(View view, int dimension, long place)
    {
        if (dimension == view.Shape.Length)
        {
            yield return place;
            yield break;
        }

        for (long i = 0; i < view.Shape[dimension]; i++)
        {
            foreach (long inner in Places(view, dimension + 1, place + (i * view.Strides[dimension])))
            {
                yield return inner;
            }
        }
    }

    private sealed record View(long[] Shape, long[] Strides, long Offset);
}
