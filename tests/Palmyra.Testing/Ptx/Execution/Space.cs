namespace Palmyra.Testing.Ptx.Execution;

/// <summary>Where an address points (PTX manual, "State Spaces").</summary>
internal enum Space
{
    Global,
    Shared,
    Local,
    Parameter,

    /// <summary>Any of the first three: shared and local memory appear as windows in the one address range.</summary>
    Generic,
}
