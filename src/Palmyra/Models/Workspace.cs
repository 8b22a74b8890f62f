using Palmyra.Backends;

namespace Palmyra.Models;

/// <summary>The rows a forward pass writes to, reused from step to step; they grow when a step has more rows than any before.</summary>
public sealed class Workspace : IDisposable
{
    private readonly IBackend _backend;
    private readonly ModelConfig _config;
    private readonly List<Tensor> _rowTensors = [];
    private readonly List<Tensor> _selectedTensors = [];
    private Tensor? _residual, _normed, _qkv, _attended, _hidden;
    private Tensor? _selected, _logits, _logProb, _best;
    private int _rows, _capacity, _selectedRows, _selectedCapacity;

    /// <summary>An empty workspace for a model on a backend.</summary>
    public Workspace(IBackend backend, ModelConfig config)
    {
        _backend = backend;
        _config = config;
    }

    /// <summary>[R, C]: the residual stream.</summary>
    public Tensor Residual => _residual ??= Add(_rowTensors, _capacity, _rows, _config.Width);

    /// <summary>[R, C]: what a norm wrote.</summary>
    public Tensor Normed => _normed ??= Add(_rowTensors, _capacity, _rows, _config.Width);

    /// <summary>[R, 3C].</summary>
    public Tensor Qkv => _qkv ??= Add(_rowTensors, _capacity, _rows, 3 * _config.Width);

    /// <summary>[R, C]: what attention wrote.</summary>
    public Tensor Attended => _attended ??= Add(_rowTensors, _capacity, _rows, _config.Width);

    /// <summary>[R, F].</summary>
    public Tensor Hidden => _hidden ??= Add(_rowTensors, _capacity, _rows, _config.HiddenWidth);

    /// <summary>[S, C]: the rows the head reads.</summary>
    public Tensor Selected => _selected ??= Add(_selectedTensors, _selectedCapacity, _selectedRows, _config.Width);

    /// <summary>[S, V].</summary>
    public Tensor Logits => _logits ??= Add(_selectedTensors, _selectedCapacity, _selectedRows, _config.VocabularySize);

    /// <summary>[S, 1].</summary>
    public Tensor LogProb => _logProb ??= Add(_selectedTensors, _selectedCapacity, _selectedRows, 1);

    /// <summary>[S, 1].</summary>
    public Tensor Best => _best ??= Add(_selectedTensors, _selectedCapacity, _selectedRows, 1);

    /// <summary>Where a block's sum goes: inference writes over the residual it reads; a tape will hand out a fresh one.</summary>
    public Tensor NextResidual(Tensor residual) => residual;

    /// <summary>Makes the batch's tensors carry <paramref name="rows"/> rows.</summary>
    public void Fit(int rows)
    {
        _rows = rows;
        if (rows > _capacity)
        {
            Release(_rowTensors);
            _residual = _normed = _qkv = _attended = _hidden = null;
            _capacity = rows;
        }

        foreach (Tensor tensor in _rowTensors)
        {
            tensor.Rows = rows;
        }
    }

    /// <summary>Makes the head's tensors carry <paramref name="rows"/> rows.</summary>
    public void FitSelected(int rows)
    {
        _selectedRows = rows;
        if (rows > _selectedCapacity)
        {
            Release(_selectedTensors);
            _selected = _logits = _logProb = _best = null;
            _selectedCapacity = rows;
        }

        foreach (Tensor tensor in _selectedTensors)
        {
            tensor.Rows = rows;
        }
    }

    /// <summary>Gives the rows back.</summary>
    public void Dispose()
    {
        Release(_rowTensors);
        Release(_selectedTensors);
        _residual = _normed = _qkv = _attended = _hidden = null;
        _selected = _logits = _logProb = _best = null;
        _capacity = _selectedCapacity = 0;
    }

    private static void Release(List<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            tensor.Dispose();
        }

        tensors.Clear();
    }

    private Tensor Add(List<Tensor> tensors, int capacity, int rows, int cols)
    {
        Tensor tensor;
        try
        {
            tensor = _backend.Allocate(capacity, cols);
        }
        catch
        {
            // Otherwise the next step, however small, would ask for as many rows again.
            Dispose();
            throw;
        }

        tensor.Rows = rows;
        tensors.Add(tensor);
        return tensor;
    }
}
