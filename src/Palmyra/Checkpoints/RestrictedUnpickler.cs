using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>An interpreter of the pickle opcodes that a state dict uses; it can build plain data and tensor descriptions, nothing else.</summary>
/// <remarks>
/// It does not recurse, and what it may allocate is bounded by the bytes it reads and by fixed limits. The opcodes are those of CPython's
/// pickletools (protocols 2 to 5) which torch.save writes; int is held as long (BigInteger if it does not fit), tuples as object arrays.
/// Messages do not name the file: <see cref="TorchArchive"/> adds it.
/// </remarks>
internal sealed class RestrictedUnpickler(ByteSource source, long position, long end)
{
    private const int MaxOpcodes = 2_000_000;
    private const int MaxStack = 65_536;
    private const int MaxPickleBytes = 64 << 20;
    private const int MaxGlobalName = 256;

    private static readonly object Mark = new();
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly long _limit = Math.Min(end, position + MaxPickleBytes);
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private readonly Dictionary<string, TorchStorage> _storages = new(StringComparer.Ordinal);

    /// <summary>The byte after the last one read.</summary>
    public long Position { get; private set; } = position;

    /// <summary>The storages the pickle mentioned, by name.</summary>
    public IReadOnlyDictionary<string, TorchStorage> Storages => _storages;

    /// <summary>Runs the pickle that starts at <see cref="Position"/> up to its STOP and returns its value.</summary>
    /// <exception cref="CheckpointException">It is damaged, too large, or asks for anything that is not part of a state dict.</exception>
    public object? Load()
    {
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        for (int count = 0; count < MaxOpcodes; count++)
        {
            byte opcode = Bytes(1)[0];
            if (opcode == '.')
            {
                object? result = Pop();
                return _stack.Count == 0
                    ? result
                    : throw new CheckpointException($"the pickle stops with {_stack.Count} values left over.");
            }

            Run(opcode);
        }

        throw new CheckpointException($"the pickle has more than {MaxOpcodes} instructions; no state dict needs so many.");
    }

    private void Run(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: Bytes(1); break; // PROTO
            case 0x95: Bytes(8); break; // FRAME
            case (byte)'(': Push(Mark); _marks.Add(_stack.Count - 1); break;
            case (byte)'0': Pop(); break;
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'K': Push((long)Bytes(1)[0]); break;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2))); break;
            case (byte)'J': Push((long)Int32()); break;
            case 0x8a: Push(Integer(Bytes(Bytes(1)[0]))); break; // LONG1
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Bytes(8))); break;
            case 0x8c: Push(Text(Bytes(1)[0])); break; // SHORT_BINUNICODE
            case (byte)'X': Push(Text(UInt32())); break;
            case 0x8d: Push(Text(UInt64())); break; // BINUNICODE8
            case (byte)'U': Push(Text(Bytes(1)[0])); break; // SHORT_BINSTRING: a Python 2 str
            case (byte)'T': Push(Text(UInt32())); break;
            case (byte)')': Push(Array.Empty<object?>()); break;
            case 0x85: Push(PopArray(1)); break;
            case 0x86: Push(PopArray(2)); break;
            case 0x87: Push(PopArray(3)); break;
            case (byte)'t': Push(PopToMark()); break;
            case (byte)']': Push(new List<object?>()); break;
            case (byte)'l': Push(new List<object?>(PopToMark())); break;
            case (byte)'a': Append([Pop()]); break;
            case (byte)'e': Append(PopToMark()); break;
            case (byte)'}': Push(new PickleDictionary()); break;
            case (byte)'d': SetItems(PopToMark(), new PickleDictionary()); break;
            case (byte)'s': SetItems(PopArray(2), null); break;
            case (byte)'u': SetItems(PopToMark(), null); break;
            case (byte)'q': _memo[Bytes(1)[0]] = Top(); break;
            case (byte)'r': _memo[UInt32()] = Top(); break;
            case 0x94: _memo[_memo.Count] = Top(); break; // MEMOIZE
            case (byte)'h': Push(Memo(Bytes(1)[0])); break;
            case (byte)'j': Push(Memo(UInt32())); break;
            case (byte)'c': Push(TorchGlobal.Find(Line(), Line())); break;
            case 0x93: StackGlobal(); break;
            case (byte)'R': Reduce(); break;
            case (byte)'b': Build(); break;
            case (byte)'Q': Push(Storage(Pop())); break;
            default:
                throw new CheckpointException(
                    $"the pickle has the instruction {OpcodeName(opcode)} at byte {Position - 1}, which no state dict needs: the file is refused.");
        }
    }

    private static string OpcodeName(byte opcode) => opcode switch
    {
        (byte)'i' => "INST",
        (byte)'o' => "OBJ",
        0x81 => "NEWOBJ",
        0x92 => "NEWOBJ_EX",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        (byte)'P' => "PERSID",
        (byte)'B' or (byte)'C' or 0x8e => "BINBYTES",
        0x96 => "BYTEARRAY8",
        0x97 => "NEXT_BUFFER",
        0x8f => "EMPTY_SET",
        _ => $"0x{opcode:x2}",
    };

    private void StackGlobal()
    {
        object?[] names = PopArray(2);
        if (names is not [string { Length: <= MaxGlobalName } module, string { Length: <= MaxGlobalName } name])
        {
            throw new CheckpointException("the pickle names a global by something other than two short strings.");
        }

        Push(TorchGlobal.Find(module, name));
    }

    private void Reduce()
    {
        object?[] call = PopArray(2);
        if (call is not [TorchGlobal global, object?[] arguments])
        {
            throw new CheckpointException("the pickle calls something that is not one of a state dict's functions.");
        }

        Push(global.Call(arguments));
    }

    // A module's state dict is an OrderedDict with an attribute _metadata (versions of its layers): it has no tensors and is dropped.
    private void Build()
    {
        object? state = Pop();
        if (Top() is not PickleDictionary || state is not PickleDictionary)
        {
            throw new CheckpointException("the pickle sets the attributes of something that is not an OrderedDict.");
        }
    }

    private TorchStorage Storage(object? id)
    {
        if (id is not object?[] { Length: 5 or 6 } parts
            || parts is not ["storage", TorchGlobal { StorageType: { } type }, string key, string, long count, ..]
            || count < 0 || count > long.MaxValue / type.Size())
        {
            throw new CheckpointException("a storage was expected to be ('storage', class, key, location, number of elements); found something else.");
        }

        if (parts.Length == 6 && parts[5] is not null)
        {
            throw new CheckpointException($"storage '{key}' is a view of another storage, a form only PyTorch before 0.4 wrote; save the file again.");
        }

        var storage = new TorchStorage(type, key, count);
        if (!_storages.TryAdd(key, storage) && _storages[key] != storage)
        {
            throw new CheckpointException(
                $"storage '{key}' is described twice, as {_storages[key].Count} {_storages[key].Type} and as {count} {type}.");
        }

        return _storages[key];
    }

    private void Append(ReadOnlySpan<object?> items)
    {
        if (Top() is not List<object?> list)
        {
            throw new CheckpointException("the pickle appends to something that is not a list.");
        }

        list.AddRange(items);
    }

    private void SetItems(object?[] items, PickleDictionary? created)
    {
        if (created is not null)
        {
            Push(created);
        }

        if (Top() is not PickleDictionary dictionary || items.Length % 2 != 0)
        {
            throw new CheckpointException("the pickle sets items of something that is not a dict, or a key without its value.");
        }

        for (int i = 0; i < items.Length; i += 2)
        {
            dictionary.Pairs.Add(new(items[i], items[i + 1]));
        }
    }

    private object? Memo(long index) =>
        _memo.TryGetValue(index, out object? value)
            ? value
            : throw new CheckpointException($"the pickle recalls memo entry {index}, which it never stored.");

    private void Push(object? value)
    {
        if (_stack.Count == MaxStack)
        {
            throw new CheckpointException($"the pickle's stack is deeper than {MaxStack}; no state dict needs so much.");
        }

        _stack.Add(value);
    }

    private object? Top() => _stack.Count > 0 && _stack[^1] != Mark ? _stack[^1] : throw Underflow();

    private object? Pop()
    {
        object? value = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object?[] PopArray(int count)
    {
        var items = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            items[i] = Pop();
        }

        return items;
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
        {
            throw Underflow();
        }

        int mark = _marks[^1];
        object?[] items = _stack.GetRange(mark + 1, _stack.Count - mark - 1).ToArray();
        _stack.RemoveRange(mark, _stack.Count - mark);
        _marks.RemoveAt(_marks.Count - 1);
        return items;
    }

    private static CheckpointException Underflow() => new("the pickle takes more values than it made: it is damaged.");

    private ReadOnlySpan<byte> Bytes(long count)
    {
        if (count > _limit - Position)
        {
            throw new CheckpointException(_limit < end
                ? $"the pickle is longer than {MaxPickleBytes} bytes; no state dict needs so much."
                : $"the pickle ends early: {count} bytes were expected at byte {Position}, {_limit - Position} are left. Is the download complete?");
        }

        ReadOnlySpan<byte> bytes = source.Slice(Position, (int)count);
        Position += count;
        return bytes;
    }

    private int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Bytes(4));

    private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    private long UInt64()
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));
        return value <= long.MaxValue ? (long)value : throw new CheckpointException($"the pickle has a string of {value} bytes.");
    }

    private static object Integer(ReadOnlySpan<byte> bytes)
    {
        var value = new BigInteger(bytes);
        return value >= long.MinValue && value <= long.MaxValue ? (long)value : value;
    }

    private string Text(long length)
    {
        try
        {
            return StrictUtf8.GetString(Bytes(length));
        }
        catch (DecoderFallbackException error)
        {
            throw new CheckpointException($"the pickle has a string that is not UTF-8 before byte {Position}.", error);
        }
    }

    private string Line()
    {
        ReadOnlySpan<byte> ahead = source.Slice(Position, (int)Math.Min(_limit - Position, MaxGlobalName));
        int length = ahead.IndexOf((byte)'\n');
        if (length < 0 || ahead[..length].ContainsAnyExceptInRange((byte)' ', (byte)'~'))
        {
            throw new CheckpointException($"the pickle names a global at byte {Position} by something other than a short line of ASCII.");
        }

        return Encoding.ASCII.GetString(Bytes(length + 1)[..length]);
    }
}
