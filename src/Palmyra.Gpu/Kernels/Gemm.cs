using System.Numerics;
using Palmyra.Backends;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Kernels;

/// <summary>Products of matrices on tensor cores: rounds the inputs, multiplies, and adds the parts where tiles are split.</summary>
internal static class Gemm
{
    /// <summary>Enqueues y = activation(x·wᵀ + bias) + residual.</summary>
    /// <param name="launch">What starts kernels.</param>
    /// <param name="shape">What is multiplied.</param>
    /// <param name="operands">Where it lies.</param>
    /// <param name="plan">From <see cref="GemmPlan.For"/>.</param>
    /// <param name="scratch">Device memory of the plan's size, aligned to 256 bytes; free again when the stream is past the
    /// product.</param>
    public static void Launch(KernelLauncher launch, in GemmShape shape, in GemmOperands operands, in GemmPlan plan, nint scratch)
    {
        if (operands.XStride % 8 != 0 || operands.X % 16 != 0 || operands.W % 16 != 0 || scratch % 256 != 0)
        {
            throw new ArgumentException("Rows of inputs and weights begin at multiples of 16 bytes, scratch memory at one of 256.");
        }

        Round(launch, shape, operands, plan, scratch);
        Multiply(launch, shape, operands, plan, scratch);
        if (plan.Splits > 1)
        {
            Add(launch, shape, operands, plan, scratch);
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

    private static void Round(KernelLauncher launch, in GemmShape shape, in GemmOperands operands, in GemmPlan plan, nint scratch)
    {
        int parts = Math.Min(plan.Passes, 2);
        Delegate kernel = shape.Format == MatrixFormat.BF16 ? GemmRows.Round<BrainNumber> : GemmRows.Round<HalfNumber>;
        KernelArguments arguments = default;
        AddView(ref arguments, scratch, (long)parts * shape.Rows * GemmPlan.Ceiling(shape.Inputs, 8));
        AddView(ref arguments, scratch + (nint)plan.FactorsOffset, shape.Rows);
        AddView(ref arguments, operands.X, (long)shape.Rows * operands.XStride / 4);
        arguments.Add(operands.XStride / 4).Add(shape.Inputs).Add(parts);
        launch(kernel, new LaunchShape(shape.Rows, 1, GemmRows.Threads), arguments);
    }

    private static void Multiply(KernelLauncher launch, in GemmShape shape, in GemmOperands operands, in GemmPlan plan, nint scratch)
    {
        (Delegate kernel, int shared) = plan.Size == LargeTile.Size ? Kernel<LargeTile>(shape.Format) : Kernel<SmallTile>(shape.Format);
        bool whole = plan.Splits == 1;
        int stride = whole ? operands.YStride : shape.Outputs;
        KernelArguments arguments = default;
        AddView(ref arguments, whole ? operands.Y : scratch + (nint)plan.SumsOffset, (long)plan.Splits * shape.Rows * stride);
        arguments.Add((long)scratch);
        AddView(ref arguments, scratch + (nint)plan.FactorsOffset, shape.Rows);
        arguments.Add((long)operands.W).Add((long)operands.Scales);
        AddView(ref arguments, whole ? operands.Bias : 0, shape.Outputs);
        AddView(ref arguments, whole ? operands.Residual : 0, (long)shape.Rows * stride);
        int depth = GemmPlan.Ceiling(shape.Inputs, GemmTensorCores.Step);
        int pieces = GemmPlan.Ceiling(shape.Inputs, 8);
        int steps = checked(depth * plan.Passes);
        arguments.Add(shape.Rows).Add(shape.Outputs).Add(pieces).Add(depth).Add(16L * shape.Rows * pieces)
            .Add(operands.ScaleStride).Add(stride).Add(steps).Add(GemmPlan.Ceiling(steps, plan.Splits))
            .Add(BitOperations.Log2((uint)plan.Splits))
            .Add(whole ? (int)operands.Activation : 0);
        var grid = new LaunchShape(
            GemmPlan.Ceiling(shape.Rows, plan.Size), GemmPlan.Ceiling(shape.Outputs, plan.Size) * plan.Splits, 2 * plan.Size, shared);
        launch(kernel, grid, arguments);
    }

    private static void Add(KernelLauncher launch, in GemmShape shape, in GemmOperands operands, in GemmPlan plan, nint scratch)
    {
        KernelArguments arguments = default;
        AddView(ref arguments, operands.Y, (long)shape.Rows * operands.YStride);
        AddView(ref arguments, scratch + (nint)plan.SumsOffset, (long)plan.Splits * shape.Rows * shape.Outputs);
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
