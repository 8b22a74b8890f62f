using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>A Python name that a state dict may mention, and what calling it builds. There are no others.</summary>
internal sealed class TorchGlobal
{
    private const int MaxDimensions = 64;

    private static readonly Dictionary<string, TorchGlobal> Known = new[]
    {
        new TorchGlobal("collections.OrderedDict", null, BuildDictionary),
        new TorchGlobal("torch._utils._rebuild_tensor", null, BuildTensor),
        new TorchGlobal("torch._utils._rebuild_tensor_v2", null, BuildTensor),
        new TorchGlobal("torch._utils._rebuild_parameter", null, BuildParameter),
        new TorchGlobal("torch.Size", null, BuildSize),
        new TorchGlobal("torch.DoubleStorage", ElementType.F64, null),
        new TorchGlobal("torch.FloatStorage", ElementType.F32, null),
        new TorchGlobal("torch.HalfStorage", ElementType.F16, null),
        new TorchGlobal("torch.BFloat16Storage", ElementType.BF16, null),
        new TorchGlobal("torch.LongStorage", ElementType.I64, null),
        new TorchGlobal("torch.IntStorage", ElementType.I32, null),
        new TorchGlobal("torch.ShortStorage", ElementType.I16, null),
        new TorchGlobal("torch.CharStorage", ElementType.I8, null),
        new TorchGlobal("torch.ByteStorage", ElementType.U8, null),
        new TorchGlobal("torch.BoolStorage", ElementType.Bool, null),
    }.ToDictionary(global => global.Name, StringComparer.Ordinal);

    private readonly Func<object?[], object?>? _build;

    private TorchGlobal(string name, ElementType? storageType, Func<object?[], object?>? build)
    {
        Name = name;
        StorageType = storageType;
        _build = build;
    }

    /// <summary>Module and name.</summary>
    public string Name { get; }

    /// <summary>For a storage class, the type of its elements.</summary>
    public ElementType? StorageType { get; }

    /// <summary>The global of that name.</summary>
    /// <exception cref="CheckpointException">The name is none of a state dict's.</exception>
    public static TorchGlobal Find(string module, string name) =>
        Known.TryGetValue($"{module}.{name}", out TorchGlobal? global)
            ? global
            : throw new CheckpointException(
                $"the pickle asks for '{module}.{name}', which no state dict needs: the file is refused and nothing of it was run. "
                + "If you trust its origin, save its state_dict() again as safetensors.");

    /// <summary>What Python would get by calling it.</summary>
    /// <exception cref="CheckpointException">It cannot be called, or not with these arguments.</exception>
    public object? Call(object?[] arguments) =>
        _build is null ? throw new CheckpointException($"the pickle calls '{Name}', which is not allowed.") : _build(arguments);

    private static PickleDictionary BuildDictionary(object?[] arguments) =>
        arguments.Length == 0
            ? new PickleDictionary()
            : throw new CheckpointException($"collections.OrderedDict was expected to be made empty; found {arguments.Length} arguments.");

    private static TorchTensor BuildParameter(object?[] arguments) =>
        arguments is [TorchTensor tensor, ..]
            ? tensor
            : throw new CheckpointException("torch._utils._rebuild_parameter was expected to hold a tensor.");

    private static object?[] BuildSize(object?[] arguments) =>
        arguments is [object?[] size]
            ? size
            : throw new CheckpointException("torch.Size was expected to hold one tuple.");

    private static TorchTensor BuildTensor(object?[] arguments)
    {
        if (arguments is not [TorchStorage storage, long offset, object?[] sizes, object?[] steps, ..])
        {
            throw new CheckpointException("a tensor was expected to be made of a storage, an offset, a shape and strides.");
        }

        long[] shape = Integers(sizes);
        long[] strides = Integers(steps);
        if (shape.Length != strides.Length || offset < 0)
        {
            throw new CheckpointException(
                $"a tensor in storage '{storage.Key}' has {shape.Length} dimensions, {strides.Length} strides and offset {offset}.");
        }

        CheckBounds(storage, offset, shape, strides);
        return new TorchTensor(storage, offset, shape, strides);
    }

    private static void CheckBounds(TorchStorage storage, long offset, long[] shape, long[] strides)
    {
        string Describe() => $"a tensor of shape [{string.Join(", ", shape)}], strides [{string.Join(", ", strides)}] and offset {offset}";

        // A view that repeats elements (stride 0) could claim any size whatever the file holds; a saved state dict has none.
        if (!TensorView.TryCount(shape, out long count) || count > storage.Count)
        {
            throw new CheckpointException($"{Describe()} has more elements than its storage '{storage.Key}', which has {storage.Count}.");
        }

        Int128 last = offset;
        for (int i = 0; i < shape.Length && count > 0; i++)
        {
            last += (Int128)(shape[i] - 1) * strides[i];
        }

        if (count > 0 ? last >= storage.Count : offset > storage.Count)
        {
            throw new CheckpointException($"{Describe()} reaches outside its storage '{storage.Key}' of {storage.Count} elements.");
        }
    }

    private static long[] Integers(object?[] items)
    {
        if (items.Length > MaxDimensions)
        {
            throw new CheckpointException($"a tensor has {items.Length} dimensions; at most {MaxDimensions} are accepted.");
        }

        var values = new long[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            values[i] = items[i] is long value and >= 0
                ? value
                : throw new CheckpointException("a tensor's shape and strides were expected to be integers of 0 or more.");
        }

        return values;
    }
}
