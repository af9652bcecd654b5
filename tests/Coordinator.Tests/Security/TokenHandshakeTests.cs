using ClipTrain.Coordinator.Security;

namespace ClipTrain.Coordinator.Tests.Security;

public sealed class TokenHandshakeTests
{
    private const int Size = 32;
    private readonly PipePair _pipes = new();

    [Fact]
    public async Task With_the_same_token_the_caller_is_let_in_and_learns_the_cluster()
    {
        var accept = AcceptAsync("secret");

        Assert.Equal("cluster-1", await RequestAsync("secret"));
        await accept;
    }

    [Fact]
    public async Task What_follows_the_handshake_is_left_for_the_next_reader()
    {
        var accept = AcceptAsync("secret");
        await RequestAsync("secret");
        await accept;

        await _pipes.Caller.SendAsync(1, 2, 3);

        Assert.Equal([1, 2, 3], await _pipes.Coordinator.ReceiveAsync(3));
    }

    [Theory]
    [InlineData("secreT")]
    [InlineData("secret ")]
    [InlineData("s")]
    public async Task With_another_token_both_sides_learn_of_the_refusal(string token)
    {
        var accept = AcceptAsync("secret");

        var refused = await Assert.ThrowsAsync<HandshakeException>(() => RequestAsync(token));
        var seen = await Assert.ThrowsAsync<HandshakeException>(() => accept);

        Assert.Equal("coordinator rejects this token, which is not the one of its cluster.", refused.Message);
        Assert.Equal("caller does not hold this cluster's token.", seen.Message);
        Assert.True(refused.IsFinal);
    }

    [Fact]
    public async Task A_recorded_handshake_is_worth_nothing_when_replayed()
    {
        var recorded = await RecordCallerAsync();
        var accept = AcceptAsync("secret");

        await _pipes.Caller.SendAsync(recorded);

        await Assert.ThrowsAsync<HandshakeException>(() => accept);
        await _pipes.Caller.ReceiveAsync(Size);
        Assert.Equal(new byte[1 + Size + 1], await _pipes.Caller.ReceiveAsync(1 + Size + 1));
    }

    [Fact]
    public async Task A_coordinator_without_the_token_that_says_welcome_is_found_out()
    {
        var request = RequestAsync("secret");
        await _pipes.Coordinator.ReceiveAsync(Size);
        await _pipes.Coordinator.SendAsync(new byte[Size]);
        var proof = await _pipes.Coordinator.ReceiveAsync(Size);

        // The best it can do is to send the caller's own proof back.
        await _pipes.Coordinator.SendAsync([1, .. proof, 1, (byte)'x']);

        var error = await Assert.ThrowsAsync<HandshakeException>(() => request);
        Assert.Contains("does not hold the token", error.Message, StringComparison.Ordinal);
        Assert.True(error.IsFinal);
    }

    [Fact]
    public async Task Another_cluster_identity_than_the_proven_one_is_found_out()
    {
        var coordinator = new PipePair();
        var accept = new TokenHandshake("secret").AcceptAsync(coordinator.Coordinator, "cluster-1", "caller", CancellationToken.None);
        var request = RequestAsync("secret");
        await coordinator.Caller.SendAsync(await _pipes.Coordinator.ReceiveAsync(Size));
        await _pipes.Coordinator.SendAsync(await coordinator.Caller.ReceiveAsync(Size));
        await coordinator.Caller.SendAsync(await _pipes.Coordinator.ReceiveAsync(Size));
        await accept;
        var welcome = await coordinator.Caller.ReceiveAsync(1 + Size + 1 + "cluster-1".Length);
        welcome[^1] = (byte)'2';

        await _pipes.Coordinator.SendAsync(welcome);

        await Assert.ThrowsAsync<HandshakeException>(() => request);
    }

    [Fact]
    public async Task A_connection_that_closes_midway_is_no_refusal()
    {
        var request = RequestAsync("secret");
        _pipes.Coordinator.Close();

        Assert.False((await Assert.ThrowsAsync<HandshakeException>(() => request)).IsFinal);
    }

    [Fact]
    public async Task A_caller_that_stays_silent_is_waited_for_no_longer_than_told()
    {
        using var limit = new CancellationTokenSource();
        var accept = new TokenHandshake("secret").AcceptAsync(_pipes.Coordinator, "cluster-1", "caller", limit.Token);
        await _pipes.Caller.SendAsync(new byte[Size - 1]);

        await limit.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accept);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request", "is not a ClipTrain coordinator")]
    [InlineData("ClipTrn\u0002", "belongs to another build of ClipTrain (handshake version 2, here 1)")]
    [InlineData("ClipTrn\u0001", null)]
    public async Task A_greeting_tells_what_the_other_end_is(string theirs, string? objection)
    {
        await _pipes.Coordinator.SendAsync(System.Text.Encoding.ASCII.GetBytes(theirs));

        var greeting = Greeting.ExchangeAsync(_pipes.Caller, isTls: false, "127.0.0.1:7700", CancellationToken.None);

        if (objection is null)
        {
            await greeting;
        }
        else
        {
            var error = await Assert.ThrowsAsync<HandshakeException>(() => greeting);
            Assert.StartsWith($"127.0.0.1:7700 {objection}", error.Message, StringComparison.Ordinal);
            Assert.True(error.IsFinal);
        }
    }

    [Theory]
    [InlineData(true, "runs without TLS")]
    [InlineData(false, "requires TLS")]
    public async Task Ends_that_differ_in_TLS_say_so_instead_of_hanging(bool callerHasTls, string objection)
    {
        var coordinator = Greeting.ExchangeAsync(_pipes.Coordinator, !callerHasTls, "caller", CancellationToken.None);
        var caller = Greeting.ExchangeAsync(_pipes.Caller, callerHasTls, "coordinator", CancellationToken.None);

        Assert.Contains(objection, (await Assert.ThrowsAsync<HandshakeException>(() => caller)).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<HandshakeException>(() => coordinator);
    }

    private Task AcceptAsync(string token) =>
        new TokenHandshake(token).AcceptAsync(_pipes.Coordinator, "cluster-1", "caller", CancellationToken.None);

    private Task<string> RequestAsync(string token) =>
        new TokenHandshake(token).RequestAsync(_pipes.Caller, "coordinator", CancellationToken.None);

    /// <summary>Everything that a caller with the token sends in a handshake.</summary>
    private static async Task<byte[]> RecordCallerAsync()
    {
        var (caller, coordinator) = (new PipePair(), new PipePair());
        var accept = new TokenHandshake("secret").AcceptAsync(coordinator.Coordinator, "cluster-1", "caller", CancellationToken.None);
        var request = new TokenHandshake("secret").RequestAsync(caller.Caller, "coordinator", CancellationToken.None);
        var challenge = await caller.Coordinator.ReceiveAsync(Size);
        await coordinator.Caller.SendAsync(challenge);
        await caller.Coordinator.SendAsync(await coordinator.Caller.ReceiveAsync(Size));
        var proof = await caller.Coordinator.ReceiveAsync(Size);
        await coordinator.Caller.SendAsync(proof);
        await caller.Coordinator.SendAsync(await coordinator.Caller.ReceiveAsync(1 + Size + 1 + "cluster-1".Length));
        await Task.WhenAll(accept, request);
        return [.. challenge, .. proof];
    }
}
