using System.Buffers.Binary;
using System.Text;

namespace Palmyra.Tests.Checkpoints;

/// <summary>Pieces of pickles, protocol 2, as torch.save writes them.</summary>
internal static class Pickle
{
    public static byte[] Protocol => [0x80, 2];

    public static byte[] Mark => "("u8.ToArray();

    public static byte[] Tuple => "t"u8.ToArray();

    public static byte[] Reduce => "R"u8.ToArray();

    public static byte[] SetItems => "u"u8.ToArray();

    public static byte[] True => [0x88];

    public static byte[] OrderedDict => [.. Global("collections", "OrderedDict"), .. ")R"u8];

    public static byte[] Global(string module, string name) => Encoding.ASCII.GetBytes($"c{module}\n{name}\n");

    public static byte[] Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return [(byte)'X', .. Little(utf8.Length), .. utf8];
    }

    public static byte[] Integer(int value) => [(byte)'J', .. Little(value)];

    public static byte[] Integers(IEnumerable<int> values) => [.. Mark, .. values.SelectMany(Integer), .. Tuple];

    public static byte[] Tensor(string storage, int storageCount, int offset, int[] shape, int[] strides) =>
    [
        .. Global("torch._utils", "_rebuild_tensor_v2"), .. Mark,
        .. Mark, .. Text("storage"), .. Global("torch", "FloatStorage"), .. Text(storage), .. Text("cpu"), .. Integer(storageCount), .. Tuple,
        .. "Q"u8, .. Integer(offset), .. Integers(shape), .. Integers(strides), 0x89, .. OrderedDict, .. Tuple, .. Reduce,
    ];

    public static byte[] StateDict(params (string Name, byte[] Value)[] items) =>
        [.. Protocol, .. "}"u8, .. Mark, .. items.SelectMany(item => (byte[])[.. Text(item.Name), .. item.Value]), .. SetItems, .. "."u8];

    private static byte[] Little(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }
}
