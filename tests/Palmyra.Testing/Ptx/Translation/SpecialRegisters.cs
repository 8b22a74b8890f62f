using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Translation;

/// <summary>PTX manual, "Special Registers": those that do not change during a thread's life. Clocks are not among them.</summary>
internal static class SpecialRegisters
{
    private static readonly Dictionary<string, Func<Warp, int, uint>> Named = new()
    {
        ["%tid.x"] = (warp, lane) => (uint)warp.Thread(lane),
        ["%tid.y"] = (_, _) => 0,
        ["%tid.z"] = (_, _) => 0,
        ["%ntid.x"] = (warp, _) => (uint)warp.Launch.Shape.Threads,
        ["%ntid.y"] = (_, _) => 1,
        ["%ntid.z"] = (_, _) => 1,
        ["%ctaid.x"] = (warp, _) => (uint)warp.Block.X,
        ["%ctaid.y"] = (warp, _) => (uint)warp.Block.Y,
        ["%ctaid.z"] = (_, _) => 0,
        ["%nctaid.x"] = (warp, _) => (uint)warp.Launch.Shape.GridX,
        ["%nctaid.y"] = (warp, _) => (uint)warp.Launch.Shape.GridY,
        ["%nctaid.z"] = (_, _) => 1,
        ["%laneid"] = (_, lane) => (uint)lane,
        ["%warpid"] = (warp, _) => (uint)warp.Index,
        ["%nwarpid"] = (warp, _) => (uint)((warp.Launch.Shape.Threads + 31) / 32),
        ["%lanemask_eq"] = (_, lane) => 1u << lane,
        ["%lanemask_lt"] = (_, lane) => (1u << lane) - 1,
        ["%lanemask_le"] = (_, lane) => (2u << lane) - 1,
        ["%lanemask_gt"] = (_, lane) => ~((2u << lane) - 1),
        ["%lanemask_ge"] = (_, lane) => ~((1u << lane) - 1),
        ["%dynamic_smem_size"] = (warp, _) => (uint)warp.Launch.Shape.SharedBytes,
        ["%total_smem_size"] = (warp, _) => (uint)warp.Block.Shared.Length,
        ["WARP_SZ"] = (_, _) => 32,
    };

    /// <summary>A special register's value by warp and lane; null if there is none of that name.</summary>
    public static Func<Warp, int, uint>? Find(string name) => Named.GetValueOrDefault(name);
}
