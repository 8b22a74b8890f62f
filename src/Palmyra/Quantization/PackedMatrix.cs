using System.Globalization;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Quantization;

/// <summary>A Q8 or Q4 matrix that a checkpoint holds in <see cref="PanelLayout"/>: usable where it lies, or row by row as floats.</summary>
/// <remarks>
/// In the file it is one tensor of bytes [panels, bytes of a panel], named after the matrix's tensors with <see cref="NameOf"/>; a file's
/// metadata states the layout, so that another one is refused rather than misread. Valid until the file is closed; a <see cref="Lease"/>
/// outlives that.
/// </remarks>
public sealed class PackedMatrix
{
    /// <summary>The key of a safetensors file's metadata that names the layout of its packed tensors.</summary>
    public const string LayoutKey = "palmyra.layout";

    /// <summary>The name of <see cref="PanelLayout"/>: panels of sixteen rows, groups of 32 columns, each group's scales after its integers.</summary>
    public const string Layout = "panels-16x32";

    private readonly TensorView _tensor;

    /// <summary>Reads a tensor as a packed matrix. Of its bytes none is looked at: every one of them means a finite number.</summary>
    /// <param name="tensor">The bytes.</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="cols">Columns of the matrix.</param>
    /// <param name="format">Q8 or Q4.</param>
    /// <exception cref="CheckpointException">The tensor is not the bytes of such a matrix.</exception>
    public PackedMatrix(TensorView tensor, int rows, int cols, MatrixFormat format)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cols);
        long[] shape = [PanelLayout.Panels(rows), PanelLayout.PanelBytes(format, cols)];
        if (tensor.Type != ElementType.U8 || !tensor.Shape.SequenceEqual(shape) || !tensor.Strides.SequenceEqual(TensorView.RowMajor(shape)))
        {
            throw new CheckpointException(
                $"{tensor.File}: tensor '{tensor.Name}' was expected to be U8 [{shape[0]}, {shape[1]}], a {format} matrix [{rows}, {cols}] in panels; "
                + $"found {tensor.Type} {tensor.ShapeText}.");
        }

        _tensor = tensor;
        Rows = rows;
        Cols = cols;
        Format = format;
        PanelBytes = checked((int)shape[1]);
    }

    /// <summary>Outputs.</summary>
    public int Rows { get; }

    /// <summary>Inputs.</summary>
    public int Cols { get; }

    /// <summary>Q8 or Q4.</summary>
    public MatrixFormat Format { get; }

    /// <summary>Bytes from a panel to the next, a multiple of 64.</summary>
    public int PanelBytes { get; }

    /// <summary>Bytes of all panels.</summary>
    public long Bytes => PanelLayout.Bytes(Format, Rows, Cols);

    /// <summary>Its tensor's name.</summary>
    public string Name => _tensor.Name;

    internal TensorView Tensor => _tensor;

    /// <summary>What the packed form of a matrix is called in a file.</summary>
    /// <param name="tensors">The names of the tensors it is stacked of: one, or three for q, k and v.</param>
    /// <param name="format">Q8 or Q4.</param>
    public static string NameOf(IEnumerable<string> tensors, MatrixFormat format) =>
        $"{string.Join(" + ", tensors)}.{format.ToString().ToLower(CultureInfo.InvariantCulture)}";

    /// <summary>What a safetensors file with packed tensors states about itself.</summary>
    public static IReadOnlyDictionary<string, string> FileMetadata { get; } =
        new Dictionary<string, string> { ["format"] = "pt", [LayoutKey] = Layout };

    /// <summary>The tensor of a matrix to be saved packed, aligned so that a reader can use it where it is mapped.</summary>
    /// <param name="tensors">The names of the tensors it is stacked of.</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="cols">Columns of the matrix.</param>
    /// <param name="format">Q8 or Q4.</param>
    /// <param name="bytes">Gives the panels' bytes.</param>
    public static TensorSource Source(IEnumerable<string> tensors, int rows, int cols, MatrixFormat format, TensorBytes bytes) =>
        new(NameOf(tensors, format), ElementType.U8, [PanelLayout.Panels(rows), PanelLayout.PanelBytes(format, cols)], bytes)
        {
            Alignment = PanelLayout.Alignment,
        };

    /// <summary>The bytes of a panel.</summary>
    /// <param name="panel">The panel, from 0.</param>
    public ReadOnlySpan<byte> Panel(int panel)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(panel);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(panel, PanelLayout.Panels(Rows));
        return _tensor.Source.Slice(_tensor.Offset + ((long)panel * PanelBytes), PanelBytes);
    }

    /// <summary>All panels where they lie in the file; the bytes stay until the lease is disposed, also after the checkpoint is.</summary>
    /// <remarks>Files that Palmyra writes have them at a multiple of 64 bytes; others' may lie anywhere.</remarks>
    public ByteLease Lease() => _tensor.Source.Lease(_tensor.Offset, Bytes);

    /// <summary>Copies one row as floats, exactly.</summary>
    /// <param name="row">The row.</param>
    /// <param name="destination">Receives <see cref="Cols"/> numbers.</param>
    public void CopyRow(int row, Span<float> destination) =>
        PanelLayout.CopyRow(Format, Panel(row / PanelLayout.PanelRows), row % PanelLayout.PanelRows, destination[..Cols]);
}
