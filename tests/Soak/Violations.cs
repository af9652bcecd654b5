using System.Collections.Concurrent;

namespace ClipTrain.Soak;

/// <summary>Violations found, each with the fault before it.</summary>
internal sealed class Violations : IDisposable
{
    private readonly ConcurrentQueue<string> _texts = [];
    private readonly CancellationTokenSource _found = new();

    /// <summary>Number of the last fault, from 1; 0 before the first.</summary>
    public int Fault { get; set; }

    /// <summary>Cancelled by the first violation, to end all waits.</summary>
    public CancellationToken Found => _found.Token;

    public IReadOnlyCollection<string> Texts => _texts;

    public void Add(string text)
    {
        _texts.Enqueue(Fault == 0 ? text : $"fault {Fault}: {text}");
        _found.Cancel();
    }

    public void Dispose() => _found.Dispose();
}
