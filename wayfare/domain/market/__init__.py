"""The simulated city: places, riders, drivers, weather and the historical pricing rule, as a model of a market.

Everything that comes from outside the market (who wants to travel when and where, shifts, weather, events, and each
person's own dispositions) is a keyed draw (`draws`), so one seed is one city whatever the prices do. What the market
decides (prices, acceptances, matches, where free cabs go) follows from these draws and from the state, in `market`.
"""
