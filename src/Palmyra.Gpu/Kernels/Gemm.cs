using System.Numerics;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Kernels;

/// <summary>Products of matrices on tensor cores: rounds the inputs, multiplies, and adds the parts where tiles are split.</summary>
internal static class Gemm
{
    /// <summary>Enqueues the rounding of a product's inputs, which any number of products of the same rows may then multiply.</summary>
    /// <param name="launch">What starts kernels.</param>
    /// <param name="shape">What is multiplied.</param>
    /// <param name="x">The inputs' address, a multiple of 16.</param>
    /// <param name="stride">Numbers from a row of them to the next: a multiple of 8.</param>
    /// <param name="rounded">Device memory of <see cref="GemmPlan.RoundedBytes"/>, aligned to 256 bytes.</param>
    public static void Round(KernelLauncher launch, in GemmShape shape, nint x, int stride, nint rounded)
    {
        if (stride % 8 != 0 || x % 16 != 0 || rounded % 256 != 0)
        {
            throw new ArgumentException("Rows of inputs begin at multiples of 16 bytes, scratch memory at one of 256.");
        }

        int parts = shape.Parts;
        Delegate kernel = shape.Format == MatrixFormat.BF16 ? GemmRows.Round<BrainNumber> : GemmRows.Round<HalfNumber>;
        KernelArguments arguments = default;
        AddView(ref arguments, rounded, (long)parts * shape.Rows * GemmPlan.Ceiling(shape.Inputs, 8));
        AddView(ref arguments, rounded + (nint)GemmPlan.FactorsOffset(shape), shape.Rows);
        AddView(ref arguments, x, (long)shape.Rows * stride / 4);
        arguments.Add(stride / 4).Add(shape.Inputs).Add(parts);
        launch(kernel, new LaunchShape(shape.Rows, 1, GemmRows.Threads), arguments);
    }

    /// <summary>Enqueues y = activation(x·wᵀ + bias) + residual.</summary>
    /// <param name="launch">What starts kernels.</param>
    /// <param name="shape">What is multiplied.</param>
    /// <param name="operands">Where it lies.</param>
    /// <param name="plan">From <see cref="GemmPlan.For"/>.</param>
    /// <param name="rounded">The inputs as <see cref="Round"/> left them.</param>
    /// <param name="sums">Device memory of the plan's <see cref="GemmPlan.SumsBytes"/>, aligned to 16 bytes; free again when the stream is past the
    /// product.</param>
    public static void Multiply(KernelLauncher launch, in GemmShape shape, in GemmOperands operands, in GemmPlan plan, nint rounded, nint sums)
    {
        if (operands.W % 16 != 0 || rounded % 256 != 0 || sums % 16 != 0)
        {
            throw new ArgumentException("Rows of weights and sums begin at multiples of 16 bytes, scratch memory at one of 256.");
        }

        MultiplyTiles(launch, shape, operands, plan, rounded, sums);
        if (plan.Splits > 1)
        {
            Add(launch, shape, operands, plan, sums);
        }
    }

    /// <summary>The product's kernel and the shared memory of its blocks.</summary>
    internal static (Delegate Kernel, int SharedBytes) Kernel<TTile>(MatrixFormat format)
        where TTile : struct, IGemmTile => format switch
        {
            MatrixFormat.BF16 => (GemmTensorCores.Multiply<TTile, GemmBF16>, GemmTensorCores.SharedBytes<TTile, GemmBF16>()),
            MatrixFormat.F16 => (GemmTensorCores.Multiply<TTile, GemmF16>, GemmTensorCores.SharedBytes<TTile, GemmF16>()),
            MatrixFormat.Q8 => (GemmTensorCores.Multiply<TTile, GemmQ8>, GemmTensorCores.SharedBytes<TTile, GemmQ8>()),
            MatrixFormat.Q4 => (GemmTensorCores.Multiply<TTile, GemmQ4>, GemmTensorCores.SharedBytes<TTile, GemmQ4>()),
            _ => throw new ArgumentException($"Tensor cores multiply BF16, F16, Q8 and Q4 weights; found {format}.", nameof(format)),
        };

    private static void MultiplyTiles(
        KernelLauncher launch, in GemmShape shape, in GemmOperands operands, in GemmPlan plan, nint rounded, nint sums)
    {
        (Delegate kernel, int shared) = plan.TileRows switch
        {
            16 => Kernel<FlatTile>(shape.Format),
            64 => Kernel<SmallTile>(shape.Format),
            _ => Kernel<LargeTile>(shape.Format),
        };
        bool whole = plan.Splits == 1;
        int stride = whole ? operands.YStride : shape.Outputs;
        KernelArguments arguments = default;
        AddView(ref arguments, whole ? operands.Y : sums, (long)plan.Splits * shape.Rows * stride);
        arguments.Add((long)rounded);
        AddView(ref arguments, rounded + (nint)GemmPlan.FactorsOffset(shape), shape.Rows);
        arguments.Add((long)operands.W).Add((long)operands.Scales);
        AddView(ref arguments, whole ? operands.Bias : 0, shape.Outputs);
        AddView(ref arguments, whole ? operands.Residual : 0, (long)shape.Rows * stride);
        int depth = GemmPlan.Ceiling(shape.Inputs, GemmTensorCores.Step);
        int pieces = GemmPlan.Ceiling(shape.Inputs, 8);
        int steps = checked(depth * shape.Passes);
        arguments.Add(shape.Rows).Add(shape.Outputs).Add(pieces).Add(depth).Add(16L * shape.Rows * pieces)
            .Add(operands.ScaleStride).Add(stride).Add(steps).Add(GemmPlan.Ceiling(steps, plan.Splits))
            .Add(BitOperations.Log2((uint)plan.Splits))
            .Add(whole ? (int)operands.Activation : 0);
        var grid = new LaunchShape(
            GemmPlan.Ceiling(shape.Rows, plan.TileRows),
            GemmPlan.Ceiling(shape.Outputs, plan.TileOutputs) * plan.Splits,
            2 * plan.TileOutputs,
            shared);
        launch(kernel, grid, arguments);
    }

    private static void Add(KernelLauncher launch, in GemmShape shape, in GemmOperands operands, in GemmPlan plan, nint sums)
    {
        KernelArguments arguments = default;
        AddView(ref arguments, operands.Y, (long)shape.Rows * operands.YStride);
        AddView(ref arguments, sums, (long)plan.Splits * shape.Rows * shape.Outputs);
        AddView(ref arguments, operands.Bias, shape.Outputs);
        AddView(ref arguments, operands.Residual, (long)shape.Rows * operands.YStride);
        arguments.Add(shape.Outputs).Add(operands.YStride).Add(plan.Splits).Add((int)operands.Activation);
        var grid = new LaunchShape(shape.Rows, GemmPlan.Ceiling(shape.Outputs, GemmSums.Threads), GemmSums.Threads);
        launch(GemmSums.Add, grid, arguments);
    }

    // An address that is 0 stands for nothing.
    private static void AddView(ref KernelArguments arguments, nint address, long length) =>
        arguments.AddView(address, address == 0 ? 0 : length);
}
