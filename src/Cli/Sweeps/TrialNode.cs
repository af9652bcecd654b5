using ClipTrain.Cli.Runs;

namespace ClipTrain.Cli.Sweeps;

/// <summary>A node of a pool, as the processes of a trial that spans several nodes see it.</summary>
/// <param name="Name">Its name in the pool.</param>
/// <param name="Address">Where coordinator and workers of its trials listen.</param>
/// <param name="Token">The pool's token, which is also that of the trials' runs.</param>
/// <param name="Tls">Files for mutual TLS.</param>
internal sealed record TrialNode(string Name, string Address, string Token, TlsFiles Tls);
