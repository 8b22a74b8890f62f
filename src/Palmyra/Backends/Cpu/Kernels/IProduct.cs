namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>How rows of inputs are multiplied by weights of one kind: what <see cref="LinearJob"/> and <see cref="ScoreJob"/> are written over.</summary>
internal unsafe interface IProduct
{
    /// <summary>Outputs of an item: divides 384.</summary>
    static abstract int Width { get; }

    /// <summary>Floats of scratch a worker needs.</summary>
    static abstract int ScratchLength { get; }

    /// <summary>c[r, j] = Σ over the inputs of row <paramref name="row"/> + r times the weights of output item·Width + j.</summary>
    /// <param name="factors">Inputs and weights.</param>
    /// <param name="c">[rows rounded up to tiles, Width] with <paramref name="stride"/>; overwritten. Outputs that do not exist hold anything.</param>
    /// <param name="stride">Floats from a row of <paramref name="c"/> to the next.</param>
    /// <param name="row">The first row, a multiple of the largest tile.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="item">Which outputs.</param>
    /// <param name="scratch">The worker's memory.</param>
    static abstract void Multiply(Factors* factors, float* c, nint stride, int row, int rows, int item, float* scratch);
}
